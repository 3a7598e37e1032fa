import type { ScopedStream } from './scoped-stream.js';
import type { ScopedWriter } from './scoped-writer.js';

/** A client-streaming call with an owner. */
export interface ScopedUpload<Req, Res> extends ScopedStream, ScopedWriter<Req> {
  /**
   * Half-closes, and resolves with the response of the server. Rejects with the `ServiceError` of a status that is not
   * OK; where the call was ended from our side, with what `write` rejects with. Asked again it is the same promise.
   * From then on the stream is not taken for forgotten.
   */
  finish(): Promise<Res>;
}
