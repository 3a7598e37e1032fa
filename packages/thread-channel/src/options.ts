import { inspect } from 'node:util';
import type { ResourceLimits } from 'node:worker_threads';
import { OptionReader } from '@grpc-manifold/core/internal';

/** Garbage that a thread makes before it is collected; Node's own bound is 48. */
const YOUNG_GENERATION_MB = 192;
/** What Node starts a worker from. */
const WORKER_PROTOCOLS: readonly string[] = ['file:', 'data:'];

/** Options of {@link threadChannelFactory}. */
export interface ThreadChannelFactoryOptions {
  /** Threads that connections are spread over; each is started when a connection needs it. 1 to 64; default 1. */
  readonly threads?: number;
  /**
   * The program of the threads, for who bundles: where the bundler has put `@grpc-manifold/thread-channel/worker`.
   * Default: the one beside this module.
   */
  readonly workerUrl?: URL;
  /**
   * Memory that each thread may use, as Node's `Worker` takes it; one that needs more ends, and its calls with
   * UNAVAILABLE. Default: Node's, but for `maxYoungGenerationSizeMb: 192`. A call leaves some 15 KB of garbage, and the
   * collector's helpers take the cores from the calls: with Node's 48 MB two threads carry a fifth fewer.
   */
  readonly resourceLimits?: ResourceLimits;
}

/** {@link ThreadChannelFactoryOptions} with every default filled in. */
export type ResolvedThreadChannelFactoryOptions = Required<ThreadChannelFactoryOptions>;

/**
 * Fills in the defaults and checks every value.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function resolveThreadChannelFactoryOptions(
  options: ThreadChannelFactoryOptions | undefined,
): ResolvedThreadChannelFactoryOptions {
  const read = new OptionReader('threadChannelFactory', options, ['threads', 'workerUrl', 'resourceLimits']);
  const workerUrl: unknown = options?.workerUrl ?? workerBesideThis();
  if (!(workerUrl instanceof URL && WORKER_PROTOCOLS.includes(workerUrl.protocol))) {
    throw new TypeError(
      `threadChannelFactory: workerUrl must be a URL of ${WORKER_PROTOCOLS.join(' or ')}, got ${inspect(workerUrl, { depth: 0 })}`,
    );
  }
  return {
    threads: read.integer('threads', 1, { min: 1, max: 64 }),
    workerUrl,
    resourceLimits: resolveResourceLimits(read.optionalObject('resourceLimits')),
  };
}

function resolveResourceLimits(limits: ResourceLimits | undefined): ResourceLimits {
  const keys = ['maxYoungGenerationSizeMb', 'maxOldGenerationSizeMb', 'codeRangeSizeMb', 'stackSizeMb'] as const;
  const read = new OptionReader('threadChannelFactory: resourceLimits', limits, keys);
  const resolved: ResourceLimits = { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB };
  for (const key of keys) {
    if (limits?.[key] !== undefined) resolved[key] = read.number(key, 0, { min: 1 });
  }
  return resolved;
}

function workerBesideThis(): URL {
  // A bundler that makes CommonJS leaves nothing there.
  const here = import.meta.url as string | undefined;
  if (here !== undefined) return new URL('./thread/worker.js', here);
  throw new TypeError(
    'threadChannelFactory: workerUrl must be given where this module is bundled: a URL of the program that ' +
      '@grpc-manifold/thread-channel/worker is, got undefined',
  );
}
