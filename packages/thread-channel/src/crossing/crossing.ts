import { inspect, isDeepStrictEqual } from 'node:util';
import { credentials as grpcCredentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import type { CrossingCredentials } from './credentials-recipe.js';
import { tlsRecipeOf } from './tls-credentials.js';

/** Schemes that grpc-js resolves itself. Other resolvers are registered in one thread only. */
const SCHEMES: ReadonlySet<string> = new Set(['dns', 'unix', 'ipv4', 'ipv6']);
const WITHOUT_THREADS = 'keep the connections on this thread with threads: 0';

/**
 * Divides credentials into what crosses to a thread and what stays.
 *
 * @throws TypeError for credentials that cannot cross. The message names those that can.
 */
export function crossingCredentials(credentials: ChannelCredentials): CrossingCredentials {
  const tls = tlsRecipeOf(credentials);
  if (tls !== undefined) return tls;
  if (Object.getPrototypeOf(credentials) === Object.getPrototypeOf(grpcCredentials.createInsecure())) {
    return { recipe: { kind: 'insecure' }, callCredentials: undefined };
  }
  throw new TypeError(
    'thread-channel: these credentials cannot cross to a thread, because grpc-js does not tell what they were made of; ' +
      `make them with tlsCredentials({ rootCerts, privateKey, certChain }), or with credentials.createInsecure(), or ${WITHOUT_THREADS}`,
  );
}

/**
 * Clones channel options for a thread.
 *
 * @throws TypeError naming the first option that cannot be cloned without loss.
 */
export function crossingOptions(options: ChannelOptions): ChannelOptions {
  const crossing: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options) as [string, unknown][]) {
    try {
      crossing[key] = cloneOf(value);
    } catch {
      throw new TypeError(
        `thread-channel: the channel option ${key} must be a plain value to cross to a thread, got ${inspect(value, { depth: 0 })}; ` +
          `leave it out, or ${WITHOUT_THREADS}`,
      );
    }
  }
  return crossing;
}

/** @throws for a value that structured clone changes: functions, symbols and instances of classes. */
function cloneOf(value: unknown): unknown {
  const clone: unknown = structuredClone(value);
  if (!isDeepStrictEqual(clone, value)) throw new TypeError('It is an object of a class');
  return clone;
}

/**
 * Checks that a thread resolves a target as this thread does.
 *
 * @param resolved the target with its scheme, as `getTarget` of a grpc-js channel returns it.
 * @throws TypeError for a target whose resolver was registered on this thread only.
 */
export function checkTarget(resolved: string): void {
  const scheme = resolved.slice(0, resolved.indexOf(':'));
  if (SCHEMES.has(scheme)) return;
  throw new TypeError(
    `thread-channel: the target ${resolved} has a resolver of its own, and those are not there in a thread: ` +
      `use one of ${[...SCHEMES].join(', ')}, or ${WITHOUT_THREADS}`,
  );
}
