import type { AsyncResource } from 'node:async_hooks';
import { settleWrite, type MessageContext } from '@grpc-manifold/core/internal';
import { WRITE_AHEAD } from '../wire/credit.js';

interface UnwrittenMessage {
  readonly bytes: number;
  /** The writer's context, if its callback has not been called yet. */
  readonly context: MessageContext | undefined;
}

/** The messages of a call that its connection has not written yet, oldest first, and their writers' callbacks. */
export class UnwrittenMessages {
  #messages: UnwrittenMessage[] = [];
  #bytes = 0;

  /**
   * Adds a message. Calls its writer's callback at once while few messages are unwritten, and otherwise when the
   * connection has written the message.
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

  /** The connection has written so many messages: calls their callbacks in the async context of the call. */
  written(count: number, inContext: () => AsyncResource): void {
    for (let left = count; left > 0; left -= 1) {
      const oldest = this.#messages.shift();
      if (oldest === undefined) return;
      this.#bytes -= oldest.bytes;
      if (oldest.context?.callback !== undefined) inContext().runInAsyncScope(oldest.context.callback);
    }
  }

  /** The call has ended: calls every callback that is left. */
  release(): void {
    const messages = this.#messages;
    this.#messages = [];
    for (const { context } of messages) if (context !== undefined) settleWrite(context);
  }
}
