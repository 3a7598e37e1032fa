import { messageOf } from '@grpc-manifold/core/internal';

const MISSING_FILE =
  '. A bundler has to make a file of @grpc-manifold/thread-channel/worker, and threadChannelFactory({ workerUrl }) to name it: ' +
  'docs/guides/threads.md#bundlers';

/** How a worker thread has ended. */
export interface ThreadEnd {
  /** For the status details of the calls that ended with the thread. */
  readonly reason: string;
  /** True when the thread ended before its program sent its first message. */
  readonly neverStarted: boolean;
}

/** What is known of a worker thread when it ends. */
export interface ThreadEndFacts {
  /** True when the factory stopped the thread. */
  readonly isStopping: boolean;
  /** False when the program of the thread sent no message. */
  readonly hasStarted: boolean;
  /** The uncaught error in the thread, if there was one. */
  readonly error: unknown;
  readonly exitCode: number;
}

/** Describes the end of a worker thread. */
export function threadEndOf(facts: ThreadEndFacts): ThreadEnd {
  return { reason: reasonFor(facts), neverStarted: !facts.hasStarted };
}

function reasonFor({ isStopping, hasStarted, error, exitCode }: ThreadEndFacts): string {
  if (isStopping) return 'The thread of the connection was stopped';
  if (error === undefined) return `The thread of the connection ended by itself, with exit code ${exitCode}`;
  const advice = !hasStarted && isMissingFile(error) ? MISSING_FILE : '';
  return `The thread of the connection ended by an error: ${messageOf(error)}${advice}`;
}

/** Node loads the worker's file in the thread, so a missing file is an error of the thread and not of `new Worker`. */
function isMissingFile(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND';
}
