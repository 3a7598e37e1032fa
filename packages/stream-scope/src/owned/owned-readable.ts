import type { MessageReader } from '../messages/message-reader.js';
import { MessageIterator } from '../messages/message-iterator.js';
import { OwnedStream } from './owned-stream.js';
import type { ScopedReadable } from '../scope/scoped-readable.js';

/** A server stream, as its owner holds it. */
export class OwnedReadable<Res> extends OwnedStream implements ScopedReadable<Res> {
  [Symbol.asyncIterator](): AsyncIterableIterator<Res, undefined> {
    const { state } = this;
    // A readable call has a reader.
    const reader = state.reader as MessageReader<Res>;
    return new MessageIterator(this, reader, () => {
      state.end({ by: 'reader' });
      return state.status;
    });
  }
}
