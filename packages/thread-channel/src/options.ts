import { inspect } from 'node:util';
import type { ResourceLimits } from 'node:worker_threads';
import { OptionReader } from '@grpc-manifold/core/internal';

/** Default of `maxYoungGenerationSizeMb`. Node's default is 48. */
const YOUNG_GENERATION_MB = 192;
/** The URL schemes that Node's `Worker` accepts. */
const WORKER_PROTOCOLS: readonly string[] = ['file:', 'data:'];

/** Options of {@link threadChannelFactory}. */
export interface ThreadChannelFactoryOptions {
  /** How many threads the connections are spread over. Each starts when a connection needs it. 1 to 64; default 1. */
  readonly threads?: number;
  /**
   * The program of the threads. Needed in a bundle: the file that the bundler made of
   * `@grpc-manifold/thread-channel/worker`. Default: the file of this package.
   */
  readonly workerUrl?: URL;
  /**
   * Memory limits of each thread, as for Node's `Worker`. A thread that exceeds them ends, and its calls end with
   * UNAVAILABLE. Default: Node's, except `maxYoungGenerationSizeMb: 192`. A call leaves about 15 KB of garbage, and the
   * garbage collector's threads compete with the calls for the cores: with Node's 48 MB two threads carry a fifth fewer
   * calls.
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
  const workerUrl: unknown = options?.workerUrl ?? packagedWorker();
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

function packagedWorker(): URL {
  // A bundler that emits CommonJS leaves `import.meta.url` undefined.
  const here = import.meta.url as string | undefined;
  if (here !== undefined) return new URL('./thread/worker.js', here);
  throw new TypeError(
    'threadChannelFactory: workerUrl must be set where this module is bundled: the URL of the file that the bundler made ' +
      'of @grpc-manifold/thread-channel/worker, got undefined',
  );
}
