import { inspect, isDeepStrictEqual } from 'node:util';
import { credentials as grpcCredentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import type { CrossingCredentials } from './credentials-recipe.js';
import { tlsRecipeOf } from './tls-credentials.js';

/** Schemes that grpc-js resolves by itself, in every thread alike. */
const SCHEMES: ReadonlySet<string> = new Set(['dns', 'unix', 'ipv4', 'ipv6']);
const STAY = 'keep the connections on this thread with threads: 0';

/**
 * Tells what credentials become in a thread.
 *
 * @throws TypeError for credentials that cannot cross, saying what can.
 */
export function crossingCredentials(credentials: ChannelCredentials): CrossingCredentials {
  const tls = tlsRecipeOf(credentials);
  if (tls !== undefined) return tls;
  if (Object.getPrototypeOf(credentials) === Object.getPrototypeOf(grpcCredentials.createInsecure())) {
    return { recipe: { kind: 'insecure' }, callCredentials: undefined };
  }
  throw new TypeError(
    'thread-channel: these credentials cannot cross to a thread, because grpc-js does not tell what they were made of; ' +
      `make them with tlsCredentials({ rootCerts, privateKey, certChain }), or with credentials.createInsecure(), or ${STAY}`,
  );
}

/**
 * Tells what channel options become in a thread: themselves, where they can be cloned.
 *
 * @throws TypeError naming the first one that cannot.
 */
export function crossingOptions(options: ChannelOptions): ChannelOptions {
  const crossing: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(options) as [string, unknown][]) {
    try {
      crossing[key] = cloneOf(value);
    } catch {
      throw new TypeError(
        `thread-channel: the channel option ${key} must be a plain value to cross to a thread, got ${inspect(value, { depth: 0 })}; ` +
          `leave it out, or ${STAY}`,
      );
    }
  }
  return crossing;
}

/** @throws for what is not there once it is cloned: functions, symbols, and the class of an object. */
function cloneOf(value: unknown): unknown {
  const clone: unknown = structuredClone(value);
  if (!isDeepStrictEqual(clone, value)) throw new TypeError('It is an object of a class');
  return clone;
}

/**
 * Checks that a thread resolves a target as this one does.
 *
 * @param resolved the target as a grpc-js channel tells it, with its scheme.
 * @throws TypeError for one whose resolver was registered on this thread only.
 */
export function checkTarget(resolved: string): void {
  const scheme = resolved.slice(0, resolved.indexOf(':'));
  if (SCHEMES.has(scheme)) return;
  throw new TypeError(
    `thread-channel: the target ${resolved} has a resolver of its own, and those are not there in a thread: ` +
      `use one of ${[...SCHEMES].join(', ')}, or ${STAY}`,
  );
}
