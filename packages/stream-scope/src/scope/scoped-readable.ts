import type { ScopedStream } from './scoped-stream.js';

/** A server-streaming call with an owner. */
export interface ScopedReadable<Res> extends ScopedStream, AsyncIterable<Res, undefined> {
  /**
   * Reads messages. Leaving the loop (`break`, `return`, `throw`) cancels the RPC and goes on at its status; reading to
   * the end does not cancel. At most 16 messages, the `highWaterMark` of the stream of grpc-js, are buffered, also
   * before the first is read.
   *
   * The loop throws the `ServiceError` of a status that is not OK, after the messages that grpc-js gave out before it;
   * the reason of an aborted signal; a `StreamLimitError` where a limit ended the stream; and a `ServiceError` with
   * CANCELLED where it was cancelled, disposed of or destroyed. In the last cases what is buffered is dropped.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Res, undefined>;
}
