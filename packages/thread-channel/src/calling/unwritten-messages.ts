import type { AsyncResource } from 'node:async_hooks';
import { settleWrite, type MessageContext } from '@grpc-manifold/core/internal';
import { WRITE_AHEAD } from '../wire/credit.js';

interface UnwrittenMessage {
  readonly bytes: number;
  /** The writer, where it still waits to be told that the message was taken. */
  readonly context: MessageContext | undefined;
}

/** Messages of a call that its connection has not taken yet, oldest first, and their writers. */
export class UnwrittenMessages {
  #messages: UnwrittenMessage[] = [];
  #bytes = 0;

  /**
   * Adds a message. Its writer is told at once that the message was taken while few are under way, else when the
   * connection has taken it.
   *
   * @returns true when the writer has to wait.
   */
  add(context: MessageContext, bytes: number): boolean {
    const isAhead = this.#messages.length < WRITE_AHEAD.messages && this.#bytes + bytes <= WRITE_AHEAD.bytes;
    this.#messages.push({ bytes, context: isAhead ? undefined : context });
    this.#bytes += bytes;
    if (isAhead) settleWrite(context);
    return !isAhead;
  }

  /** The connection has taken so many: tells their writers, in the context of their call. */
  written(count: number, inContext: () => AsyncResource): void {
    for (let left = count; left > 0; left -= 1) {
      const oldest = this.#messages.shift();
      if (oldest === undefined) return;
      this.#bytes -= oldest.bytes;
      if (oldest.context?.callback !== undefined) inContext().runInAsyncScope(oldest.context.callback);
    }
  }

  /** The call has ended: tells every writer that still waits. */
  release(): void {
    const messages = this.#messages;
    this.#messages = [];
    for (const { context } of messages) if (context !== undefined) settleWrite(context);
  }
}
