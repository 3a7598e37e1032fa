import type { EventEmitter } from 'node:events';
import { systemClock, type Clock } from '@grpc-manifold/core/internal';
import { creationLine, type CallSite } from './creation-line.js';
import { StreamRecord, type StreamIdentity } from './stream-record.js';
import { addRecord, recordOf, removeRecord } from './stream-records.js';

/** What the streams of grpc-js have in common, whichever way their messages go. */
export interface DestroyableStream extends EventEmitter {
  /** True when a stream that is read was read to its end. */
  readonly readableEnded?: boolean;
  /** True when a stream that is written was ended, and all was handed over. */
  readonly writableFinished?: boolean;
  cancel(): void;
}

/** Is told of the messages of a stream, for {@link openStreams}. */
export interface MessageCount {
  sent(): void;
  received(): void;
}

/** What a tie takes from its surroundings. */
export interface CancelWhenDestroyedEnvironment {
  /** Default: the system's. */
  readonly clock?: Clock;
}

/**
 * Of streams that were made and never started, as when an interceptor throws: no status ever takes them off the list.
 */
const unstarted = new FinalizationRegistry(removeRecord);

/**
 * Ties a plain stream of grpc-js to its RPC: destroying it before its status (`destroy()`, `break` in `for await`, an
 * abort signal, `pipeline`, `Symbol.asyncDispose`) cancels the RPC, and until its status it is listed by
 * {@link openStreams}. grpc-js alone ends only the reading.
 *
 * The 'error' event that the cancel brings about reaches listeners, if there are any; without them it is dropped, as
 * nobody expects an error of what he has destroyed. All other errors are left alone. A client stream that was ended is
 * destroyed by Node itself while it waits for its response: from then on only `cancel()` ends the call.
 *
 * @param stream before it is started: this is for a client's `callInvocationTransformer`.
 * @param caller the function at which looking for the line that opens the stream begins.
 * @returns what to tell of the messages; undefined when the stream was tied before.
 */
export function cancelWhenDestroyed(
  stream: DestroyableStream,
  identity: StreamIdentity,
  caller: CallSite = cancelWhenDestroyed,
  environment: CancelWhenDestroyedEnvironment = {},
): MessageCount | undefined {
  if (recordOf(stream) !== undefined) return undefined;
  const record = new StreamRecord(
    identity,
    environment.clock ?? systemClock,
    cancelWeakly(stream),
    creationLine('sampled', caller),
  );
  const end = (): void => {
    stream.removeListener('close', close);
    stream.removeListener('status', end);
    stream.removeListener('error', ignore);
    unstarted.unregister(record);
    removeRecord(record);
  };
  const close = (): void => {
    if (stream.readableEnded === true) {
      // It has its status, but an 'error' event that threw has kept us from hearing of it.
      end();
    } else if (stream.readableEnded === false || stream.writableFinished !== true) {
      stream.on('error', ignore);
      stream.cancel();
    }
  };
  unstarted.register(stream, record, record);
  addRecord(stream, record);
  stream.on('close', close);
  stream.on('status', end);
  return record;
}

/**
 * grpc-js keeps a stream alive while its call lives, and the list is not to keep it any longer. In a function of its
 * own: closures that are made in one function keep alive whatever any of them uses.
 */
function cancelWeakly(stream: DestroyableStream): () => void {
  const weak = new WeakRef(stream);
  return () => weak.deref()?.cancel();
}

function ignore(): void {}
