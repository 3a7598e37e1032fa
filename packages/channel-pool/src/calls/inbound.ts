import { status, type StatusObject } from '@grpc/grpc-js';

/** The call whose messages come in. */
export interface InboundCall {
  /** True while the call is on a connection and has no status. */
  readonly isRunning: boolean;
  /** Takes a message in, or throws it away when the call has ended. */
  receive(message: unknown): void;
  /** Asks the connection for the next message. */
  readInner(): void;
  /** Tells the client of a message. */
  tellMessage(message: unknown): void;
  /** Tells the client of the end of the stream. */
  onReceiveStatus(received: StatusObject): void;
}

/**
 * A message that the pool has asked for because the client had not asked for any when the headers came. Until the first
 * read grpc-js lets a stream flow in without limit, after one it stops at the next message (subchannel-call.ts,
 * `tryPush`).
 */
class ReadAhead {
  /** The client has asked by now. */
  isRequested = false;
  hasMessage = false;
  message: unknown;
  /** The stream has ended well behind the message: told after it, as grpc-js does. */
  ending: StatusObject | undefined;
}

/** What comes in on a call, and what its client has asked for. */
export class Inbound {
  /** True once the client has asked for a message. */
  isReading = false;
  #ahead: ReadAhead | undefined;

  constructor(private readonly call: InboundCall) {}

  /** The client asks for a message. True when that needs no further read from the connection. */
  read(): boolean {
    this.isReading = true;
    const ahead = this.#ahead;
    if (ahead === undefined || ahead.isRequested) return false;
    ahead.isRequested = true;
    // Never in the stack of whoever asks, as in grpc-js.
    if (ahead.hasMessage) process.nextTick(() => this.#tellAhead());
    return true;
  }

  /** The headers have come in. Reads one message where the client has asked for none. */
  onHeaders(): void {
    // The client may have ended the call when it was told of the headers.
    if (this.isReading || !this.call.isRunning) return;
    this.#ahead = new ReadAhead();
    this.call.readInner();
  }

  onMessage(message: unknown): void {
    const ahead = this.#ahead;
    if (ahead === undefined || (ahead.isRequested && !ahead.hasMessage)) {
      this.#ahead = undefined;
      this.call.tellMessage(message);
    } else if (ahead.hasMessage) {
      // The client has asked for both.
      this.#tellAhead();
      this.call.receive(message);
    } else {
      ahead.hasMessage = true;
      ahead.message = message;
    }
  }

  /** The stream has ended. True when that is told later, behind a message that the client has not asked for yet. */
  onStatus(received: StatusObject): boolean {
    const ahead = this.#ahead;
    if (ahead?.hasMessage === true && received.code === status.OK) {
      ahead.ending = received;
      return true;
    }
    this.#ahead = undefined;
    return false;
  }

  /** Forgets what was read ahead. True when the stream had ended behind it. */
  drop(): boolean {
    const isOver = this.#ahead?.ending !== undefined;
    this.#ahead = undefined;
    return isOver;
  }

  #tellAhead(): void {
    const ahead = this.#ahead;
    if (ahead === undefined) return;
    const { message, ending } = ahead;
    // A stream that has ended stays so while its client is told: should the client cancel the call, there is nothing to
    // reset.
    ahead.hasMessage = false;
    if (ending === undefined) this.#ahead = undefined;
    this.call.tellMessage(message);
    if (ending !== undefined) this.call.onReceiveStatus(ending);
  }
}
