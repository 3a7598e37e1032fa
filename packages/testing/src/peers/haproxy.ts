import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OwnedChild } from '../process/child-process.js';
import { freePort, LOOPBACK } from '../servers/listening-server.js';
import { askHaproxy, haproxyConnections } from './haproxy-admin.js';
import { HAPROXY_FILES, originLine, type HaproxySettings } from './haproxy-config.js';
import { runHaproxy } from './haproxy-process.js';
import { missingForPeer } from './missing-programs.js';

/** Somebody else may take the port between our look for one and haproxy's use of it. */
const PORT_ATTEMPTS = 5;
const DAY_MS = 86_400_000;

/** Shapes a haproxy. */
export interface HaproxyOptions {
  /**
   * 'http': it speaks HTTP/2 to both sides and takes a server in turn for each call. 'tcp': it knows only sockets, and
   * takes a server in turn for each connection. Default 'http'.
   */
  readonly mode?: 'http' | 'tcp';
  /** SETTINGS_MAX_CONCURRENT_STREAMS of its clients' connections, in mode 'http'. Default: haproxy's own, 100. */
  readonly maxConcurrentStreams?: number;
  /** Milliseconds for which a client's connection may be silent before it is dropped. Default: a day. */
  readonly clientTimeoutMs?: number;
}

/** A haproxy before servers that are somebody else's. */
export interface HaproxyServer extends AsyncDisposable {
  readonly port: number;
  /** 'host:port', for a client. */
  readonly target: string;
  /** How many connections of clients there are, and there were since it was last started. */
  connections(): Promise<{ readonly open: number; readonly accepted: number }>;
  /** Has it take one more server in turn, while it runs. @throws Error with what haproxy says. */
  addOrigin(origin: { readonly port: number }): Promise<void>;
  /** Ends it at once (SIGKILL), which ends its connections. */
  kill(): Promise<void>;
  /** Starts it again on the same port; ends it at once before, when it runs. */
  restart(): Promise<void>;
  /** Has a new one take the port over; the old one ends when its connections have (`haproxy -sf`). */
  reload(): Promise<void>;
}

/**
 * Starts haproxy before servers, in a folder of its own that goes when it does.
 *
 * @throws Error when it is not on this machine, and with what it complains of.
 */
export async function startHaproxyServer(
  origins: readonly { readonly port: number }[],
  options: HaproxyOptions = {},
): Promise<HaproxyServer> {
  const missing = missingForPeer('haproxy');
  if (missing !== undefined) throw new Error(missing);
  const { mode = 'http', clientTimeoutMs = DAY_MS, maxConcurrentStreams } = options;
  const folder = await mkdtemp(join(tmpdir(), 'manifold-haproxy-'));
  const originPorts = origins.map(({ port }) => port);
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const settings = { mode, clientTimeoutMs, maxConcurrentStreams, folder, originPorts, port };
    const started = await runHaproxy(settings);
    if (typeof started !== 'string') return new OwnHaproxy(settings, started);
    if (attempt === PORT_ATTEMPTS || !started.includes('in use')) {
      await rm(folder, { recursive: true, force: true });
      throw new Error(started);
    }
  }
}

class OwnHaproxy implements HaproxyServer {
  #settings: HaproxySettings;
  #current: OwnedChild;
  /** Those that were told to end when their connections have. */
  readonly #all: OwnedChild[] = [];

  constructor(settings: HaproxySettings, started: OwnedChild) {
    this.#settings = settings;
    this.#current = started;
    this.#all.push(started);
  }

  get port(): number {
    return this.#settings.port;
  }

  get target(): string {
    return `${LOOPBACK}:${this.port}`;
  }

  connections(): Promise<{ open: number; accepted: number }> {
    return haproxyConnections(this.#admin);
  }

  async addOrigin({ port }: { readonly port: number }): Promise<void> {
    const { mode, originPorts } = this.#settings;
    const number = originPorts.length + 1;
    const answer = await askHaproxy(this.#admin, `add server origins/${originLine(mode, number, port)}`);
    if (!answer.includes('registered')) throw new Error(`haproxy: ${answer}`);
    const refusal = await askHaproxy(this.#admin, `enable server origins/origin${number}`);
    if (refusal !== '') throw new Error(`haproxy: ${refusal}`);
    this.#settings = { ...this.#settings, originPorts: [...originPorts, port] };
  }

  async kill(): Promise<void> {
    this.#current.kill();
    await this.#current.exited;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.#start();
  }

  reload(): Promise<void> {
    return this.#start(this.#current.child.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const owned of this.#all) owned.kill();
    await Promise.all(this.#all.map(({ exited }) => exited));
    await rm(this.#settings.folder, { recursive: true, force: true });
  }

  get #admin(): string {
    return join(this.#settings.folder, HAPROXY_FILES.admin);
  }

  async #start(predecessor?: number): Promise<void> {
    const started = await runHaproxy(this.#settings, predecessor);
    if (typeof started === 'string') throw new Error(started);
    this.#current = started;
    this.#all.push(started);
  }
}
