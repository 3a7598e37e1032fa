import { status, type StatusObject } from '@grpc/grpc-js';
import { systemClock } from '@grpc-manifold/core/internal';
import { READ_AHEAD } from '../wire/credit.js';

/** The call that an inbox belongs to. */
export interface InboxOwner {
  readonly isEnded: boolean;
  /** Passes a message to the listener. */
  deliver(message: Buffer): void;
  /** Allows the thread to send so many more messages and bytes. */
  grantCredit(messages: number, bytes: number): void;
  /** Ends the call with its status. */
  end(ending: StatusObject): void;
}

/** The received messages of a call that the reader has not asked for yet, and the status that follows them. */
export class CallInbox {
  /** Undefined until a message comes before the reader asks for it. Bounded by the credit of the thread. */
  #messages: Buffer[] | undefined;
  #isReadPending = false;
  /** Messages that will be delivered in the next tick. */
  #scheduled = 0;
  /** Delivered since the thread was last granted credit. */
  #consumedMessages = 0;
  #consumedBytes = 0;
  #deliveries = 0;
  #ending: StatusObject | undefined;

  constructor(private readonly owner: InboxOwner) {}

  /** True when the status has come, even if messages are still before it. */
  get hasStatus(): boolean {
    return this.#ending !== undefined;
  }

  /** The reader asks for one message. */
  startRead(): void {
    if (this.#messages === undefined || this.#messages.length <= this.#scheduled) this.#isReadPending = true;
    else this.#deliverSoon();
  }

  receive(message: Buffer): void {
    if (this.#isReadPending) {
      this.#isReadPending = false;
      this.#deliver(message);
    } else {
      (this.#messages ??= []).push(message);
    }
  }

  /** Ends the call with this status after the messages before it, as long as the reader takes them. */
  receiveStatus(ending: StatusObject): void {
    this.#ending = ending;
    this.#endIfEmpty();
    if (!this.owner.isEnded && ending.code !== status.OK) this.#endUnlessRead();
  }

  clear(): void {
    this.#messages = undefined;
  }

  #deliver(message: Buffer): void {
    this.#deliveries += 1;
    this.#consumedMessages += 1;
    this.#consumedBytes += message.length;
    // Credit is granted at half the limit, so that the thread never has to wait for it.
    if (this.#consumedMessages >= READ_AHEAD.messages / 2 || this.#consumedBytes >= READ_AHEAD.bytes / 2) {
      this.#grantCredit();
    }
    this.owner.deliver(message);
  }

  #grantCredit(): void {
    if (this.#ending === undefined) this.owner.grantCredit(this.#consumedMessages, this.#consumedBytes);
    this.#consumedMessages = this.#consumedBytes = 0;
  }

  /** Delivers in the next tick: like grpc-js, `startRead` never calls the listener synchronously. */
  #deliverSoon(): void {
    this.#scheduled += 1;
    process.nextTick(() => {
      this.#scheduled -= 1;
      const message = this.owner.isEnded ? undefined : this.#messages?.shift();
      if (message === undefined) return;
      try {
        this.#deliver(message);
      } finally {
        if (!this.owner.isEnded) this.#endIfEmpty();
      }
    });
  }

  #endIfEmpty(): void {
    const isEmpty = this.#messages === undefined || this.#messages.length === 0;
    if (this.#ending !== undefined && isEmpty) this.owner.end(this.#ending);
  }

  /**
   * Ends the call with its error once a turn of the event loop passes without a delivery. Like grpc-js, an error does
   * not wait for a reader that has stopped, and drops the messages before it.
   */
  #endUnlessRead(): void {
    const deliveriesBefore = this.#deliveries;
    systemClock.soon(() => {
      if (this.owner.isEnded) return;
      if (this.#deliveries > deliveriesBefore) this.#endUnlessRead();
      else this.owner.end(this.#ending as StatusObject);
    });
  }
}
