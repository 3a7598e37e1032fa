import type { MessageReader } from './message-reader.js';

/** Reads a stream for `for await`; leaving the loop ends the stream. */
export class MessageIterator<Message> implements AsyncIterableIterator<Message, undefined> {
  /** Whom the reader knows us by: it must not lead to us, or a loop that is forgotten would never be collected. */
  readonly #asker = {};
  #hasLeft = false;

  /**
   * @param owner what the user holds. It is not to be collected while somebody reads, and nothing else leads to it.
   * @param leave ends the RPC, unless it has ended, and resolves at its status: after the loop nothing is left of it.
   */
  constructor(
    protected readonly owner: object,
    private readonly reader: MessageReader<Message>,
    private readonly leave: () => Promise<unknown>,
  ) {}

  next(): Promise<IteratorResult<Message, undefined>> {
    return this.#hasLeft ? Promise.resolve({ done: true, value: undefined }) : this.reader.next(this.#asker);
  }

  async return(): Promise<IteratorResult<Message, undefined>> {
    this.#hasLeft = true;
    this.reader.leave(this.#asker);
    await this.leave();
    return { done: true, value: undefined };
  }

  async throw(error?: unknown): Promise<IteratorResult<Message, undefined>> {
    await this.return();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
