import type { ScopedReadable } from './scoped-readable.js';
import type { ScopedWriter } from './scoped-writer.js';

/** A bidirectional call with an owner. */
export interface ScopedDuplex<Req, Res> extends ScopedReadable<Res>, ScopedWriter<Req> {
  /**
   * Half-closes: the server sees the end of the requests, and its responses can be read on. Resolves when all that was
   * written was handed over, or the server has ended the call with OK; otherwise rejects as `write` does.
   */
  finish(): Promise<void>;
}
