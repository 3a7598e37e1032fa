import { inspect } from 'node:util';

/** What the service config says of the calls of one method, as far as the pool heeds it. */
export interface MethodSettings {
  /** Milliseconds from its start until a call must have ended; Infinity for no such time. */
  readonly timeoutMs: number;
  /** What holds for a call that does not say itself whether it waits for a connection. */
  readonly waitForReady: boolean;
  /** Bytes of a message that may be sent, and of one that may be received; Infinity for any number. */
  readonly maxRequestBytes: number;
  readonly maxResponseBytes: number;
}

/** A number of seconds with up to nine decimals, as protobuf's JSON writes a duration. */
const DURATION = /^(\d+)(?:\.(\d{1,9}))?s$/;
/** Methods whose settings are remembered; others are looked for with each call. */
const REMEMBERED_METHODS = 1_000;
const OPTION = "ChannelPool: channelOptions['grpc.service_config']";

/** What holds where no method config matches. */
export const NO_METHOD_SETTINGS: MethodSettings = Object.freeze({
  timeoutMs: Infinity,
  waitForReady: false,
  maxRequestBytes: Infinity,
  maxResponseBytes: Infinity,
});

/**
 * The method configs of a service config (gRFC A2, A21; grpc/service_config/service_config.proto). Of those that match
 * a method one holds, whole: the one that names service and method, else the one that names the service, else the one
 * with an empty name; of several of a kind the first.
 */
export class MethodConfigs {
  /** By '/service/method', '/service/' and '/'. */
  readonly #byName = new Map<string, MethodSettings>();
  readonly #byPath = new Map<string, MethodSettings>();

  /** @throws TypeError for a value that is not what it must be, naming it. */
  constructor(configs: readonly object[]) {
    for (const config of configs) {
      const settings = settingsOf(config as Readonly<Record<string, unknown>>);
      for (const key of keysOf(config as Readonly<Record<string, unknown>>)) {
        if (!this.#byName.has(key)) this.#byName.set(key, settings);
      }
    }
  }

  /** What holds for a method. @param path '/package.Service/Method'. */
  of(path: string): MethodSettings {
    if (this.#byName.size === 0) return NO_METHOD_SETTINGS;
    const remembered = this.#byPath.get(path);
    if (remembered !== undefined) return remembered;
    const [service = '', method = ''] = path.split('/').filter((part) => part !== '');
    const found =
      this.#byName.get(`/${service}/${method}`) ??
      this.#byName.get(`/${service}/`) ??
      this.#byName.get('/') ??
      NO_METHOD_SETTINGS;
    if (this.#byPath.size < REMEMBERED_METHODS) this.#byPath.set(path, found);
    return found;
  }
}

function keysOf({ name }: Readonly<Record<string, unknown>>): string[] {
  if (!Array.isArray(name)) return [];
  return name.map((one: unknown) => {
    const { service, method } = (one ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof service !== 'string' || service === '') return '/';
    return typeof method === 'string' && method !== '' ? `/${service}/${method}` : `/${service}/`;
  });
}

function settingsOf(config: Readonly<Record<string, unknown>>): MethodSettings {
  return {
    timeoutMs: timeoutOf(config['timeout']),
    waitForReady: config['waitForReady'] === true,
    // The second names are those that grpc-js knows.
    maxRequestBytes: bytesOf(config, 'maxRequestMessageBytes', 'maxRequestBytes'),
    maxResponseBytes: bytesOf(config, 'maxResponseMessageBytes', 'maxResponseBytes'),
  };
}

/** grpc-js 1.14 takes the decimals of '1.5s' for nanoseconds; here they are what protobuf says. */
function timeoutOf(timeout: unknown): number {
  if (timeout === undefined) return Infinity;
  if (typeof timeout === 'string') {
    const [, seconds, decimals = ''] = DURATION.exec(timeout) ?? [];
    if (seconds !== undefined) return Number(seconds) * 1_000 + Number(decimals.padEnd(9, '0')) / 1_000_000;
  } else if (typeof timeout === 'object' && timeout !== null) {
    const { seconds, nanos } = timeout as Readonly<Record<string, unknown>>;
    if (typeof seconds === 'number' && typeof nanos === 'number') return seconds * 1_000 + nanos / 1_000_000;
  }
  throw new TypeError(`${OPTION} must have durations like '1.5s' as timeout, got ${inspect(timeout)}`);
}

function bytesOf(config: Readonly<Record<string, unknown>>, ...keys: readonly string[]): number {
  let least = Infinity;
  for (const key of keys) {
    const value = config[key];
    if (value === undefined) continue;
    const bytes = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof bytes !== 'number' || !(bytes >= 0)) {
      throw new TypeError(`${OPTION} must have a number of bytes of at least 0 as ${key}, got ${inspect(value)}`);
    }
    least = Math.min(least, bytes);
  }
  return least;
}
