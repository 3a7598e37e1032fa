import { fileURLToPath } from 'node:url';
import { systemClock, type Clock } from '@grpc-manifold/core/internal';

/** Streams of one second whose line is captured, whatever their number. */
const CAPTURES_A_SECOND = 100;
/** Beyond these one in so many. */
const ONE_IN = 32;
/**
 * How many stack lines to look at, and then, where all of them are ours or theirs: each costs about a microsecond.
 * grpc-js has two between the line of its caller and ours.
 */
const FRAMES = [4, 20];

/** This package, sources and compiled alike, as stack traces name its files. */
const ours = placesOfThisPackage();
/** Node, what the engine brings along (`Array.map (<anonymous>)`), grpc-js and our packages as npm installs them. */
const THEIRS =
  /\bnode:|<anonymous>\)?$|[\\/]node_modules[\\/](?:@grpc[\\/]grpc-js|@grpc-manifold[\\/][^\\/]+|grpc-manifold)[\\/]/;

/** None where a bundler has made CommonJS of it: such a module does not know where it is. */
function placesOfThisPackage(): readonly string[] {
  const here = import.meta.url as string | undefined;
  if (here === undefined) return [];
  const root = new URL('../../', here);
  return [root.href, fileURLToPath(root)];
}

/** Any function: it is only looked for. */
export type CallSite = (...args: never[]) => unknown;

/** Says of which streams the opening line is captured. */
export class CaptureSample {
  #secondEndsMs = -Infinity;
  #streams = 0;

  constructor(private readonly clock: Clock) {}

  /** Counts a stream that is opened. */
  take(): boolean {
    const now = this.clock.elapsed();
    if (now >= this.#secondEndsMs) {
      this.#secondEndsMs = now + 1_000;
      this.#streams = 0;
    }
    this.#streams += 1;
    return this.#streams <= CAPTURES_A_SECOND || this.#streams % ONE_IN === 0;
  }
}

const sample = new CaptureSample(systemClock);

/**
 * Tells the line that opens a stream, as a stack trace has it: the first one that is outside of this project, of
 * grpc-js and of Node. Undefined when there is none, or it is not to be captured.
 *
 * Capturing costs about 10 µs (Node 20, two busy cores), beside more than 100 µs a stream in grpc-js. `sampled`
 * captures the first 100 of each second and then one in 32: every one of a process that opens few, which are those that
 * live long, and sooner or later each line that leaks many. At 10,000 streams a second that is 0.4 % of a core.
 *
 * @param caller the function at which looking begins: it and what it called are left out.
 */
export function creationLine(captureStack: boolean | 'sampled', caller: CallSite): string | undefined {
  if (captureStack === false || (captureStack === 'sampled' && !sample.take())) return undefined;
  for (const frames of FRAMES) {
    const lines = stackLines(caller, frames);
    const line = lines.find((at) => at.startsWith('at ') && !THEIRS.test(at) && !isOurs(at));
    if (line !== undefined) return line.slice('at '.length);
    if (lines.length <= frames) return undefined;
  }
  return undefined;
}

/** Never throws: a program may have frozen `Error`, or given it a `prepareStackTrace` that does what it likes. */
function stackLines(caller: CallSite, frames: number): readonly string[] {
  const holder: { stack?: unknown } = {};
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = frames;
    Error.captureStackTrace(holder, caller);
    return typeof holder.stack === 'string' ? holder.stack.split('\n').map((line) => line.trim()) : [];
  } catch {
    return [];
  } finally {
    if (Error.stackTraceLimit !== limit) Error.stackTraceLimit = limit;
  }
}

/** Tests stand beside the sources; what they open, they open as anybody would. */
function isOurs(line: string): boolean {
  return ours.some((prefix) => line.includes(prefix)) && !/\.test\.[cm]?[jt]s:/.test(line);
}
