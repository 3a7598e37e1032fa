import type { ChannelCall } from '../contracts/channel-factory.js';

/** What goes with a message: who wants to know when it was taken, and its flags. */
export type MessageContext = Parameters<ChannelCall['sendMessageWithContext']>[0];

/** What held operations are carried out on in the end. */
export interface OperableCall<Message> {
  startRead(): void;
  sendMessageWithContext(context: MessageContext, message: Message): void;
  halfClose(): void;
}

interface HeldMessage<Message> {
  readonly context: MessageContext;
  readonly message: Message;
  readonly bytes: number;
}

/**
 * What a client asked of a call that has no inner call yet, kept in order and then carried out on one. The message is
 * acknowledged only when the inner call has taken it, so a writer that heeds its callbacks has one message here.
 */
export class HeldOperations<Message> {
  #messages: HeldMessage<Message>[] = [];
  #reading = false;
  #halfClosed = false;
  #replaying = false;

  startRead(): void {
    this.#reading = true;
  }

  /** @param bytes how many the message has, or will have, on the wire. */
  sendMessage(context: MessageContext, message: Message, bytes: number): void {
    this.#messages.push({ context, message, bytes });
  }

  halfClose(): void {
    this.#halfClosed = true;
  }

  /** Bytes of the messages that are held. */
  get bytes(): number {
    return this.#messages.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** True until everything held has been handed over: what comes meanwhile must be held as well, behind it. */
  get replaying(): boolean {
    return this.#replaying;
  }

  /** Carries everything out on a call that was started. */
  replayOn(call: OperableCall<Message>): void {
    if (this.#reading) call.startRead();
    this.#sendNext(call);
  }

  /** Forgets everything; whoever waits for a message to be taken is told that nothing more will come of it. */
  drop(): void {
    const messages = this.#messages;
    this.#messages = [];
    for (const { context } of messages) settleWrite(context);
  }

  /** One at a time: before its stream exists an inner call keeps only the last message that it was given. */
  #sendNext(call: OperableCall<Message>): void {
    const next = this.#messages.shift();
    if (next === undefined || this.#messages.length === 0) {
      this.#replaying = false;
      if (next !== undefined) call.sendMessageWithContext(next.context, next.message);
      if (this.#halfClosed) call.halfClose();
      return;
    }
    this.#replaying = true;
    const callback = (error?: Error | null): void => {
      next.context.callback?.(error);
      this.#sendNext(call);
    };
    call.sendMessageWithContext({ ...next.context, callback }, next.message);
  }
}

/**
 * Answers a write whose message will never be sent. Without an error: the call's status tells, and an error here
 * would surface as an 'error' event that nobody may listen for.
 */
export function settleWrite(context: MessageContext): void {
  const { callback } = context;
  if (callback !== undefined) process.nextTick(callback);
}
