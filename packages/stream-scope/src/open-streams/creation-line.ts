import { fileURLToPath } from 'node:url';
import { systemClock, type Clock } from '@grpc-manifold/core';

/** Streams of one second whose line is captured, whatever their number. */
const CAPTURES_A_SECOND = 100;
/** Beyond these one in so many. */
const ONE_IN = 32;
/** Stack lines to look at. Between the caller's line and ours are two of grpc-js at most. */
const FRAMES = 8;

/** This package, sources and compiled alike, as stack traces name its files. */
const root = new URL('../../', import.meta.url);
const ours = [root.href, fileURLToPath(root)];
const THEIRS = /\bnode:|[\\/]node_modules[\\/](?:@grpc[\\/]grpc-js|@grpc-manifold[\\/][^\\/]+|grpc-manifold)[\\/]/;

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
 * Tells the line that opens a stream, as a stack trace has it: the first one that is outside of this project, of grpc-js
 * and of Node. Undefined when there is none, or it is not to be captured.
 *
 * Captured costs about 4 µs (Node 20 and 24), beside more than 100 µs a stream in grpc-js. `sampled` captures the first
 * 100 of each second and then one in 32: every one of a process that opens few, which are those that live long, and
 * sooner or later each line that leaks many; at 10,000 streams a second it costs 0.2 % of a core.
 *
 * @param caller the function at which looking begins: it and what it called are left out.
 */
export function creationLine(captureStack: boolean | 'sampled', caller: Function): string | undefined {
  if (captureStack === false || (captureStack === 'sampled' && !sample.take())) return undefined;
  for (const line of stackLines(caller)) {
    const at = line.trim();
    if (at.startsWith('at ') && !THEIRS.test(at) && !isOurs(at)) return at.slice('at '.length);
  }
  return undefined;
}

/** Never throws: a program may have frozen `Error`, or given it a `prepareStackTrace` that does what it likes. */
function stackLines(caller: Function): readonly string[] {
  const holder: { stack?: unknown } = {};
  const limit = Error.stackTraceLimit;
  try {
    Error.stackTraceLimit = FRAMES;
    Error.captureStackTrace(holder, caller);
    return typeof holder.stack === 'string' ? holder.stack.split('\n') : [];
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
