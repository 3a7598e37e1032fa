import { Metadata, type ChannelInterface, type StatusObject } from '@grpc/grpc-js';
import type { EchoRequest } from '@grpc-manifold/testing';
import { expect } from 'vitest';
import { methodOf, serialized, type Kind } from './call-kind.js';

/** A call that was made on a channel itself, and everything that the channel told of it. */
export class RawCall {
  readonly statuses: StatusObject[] = [];
  readonly messages: Buffer[] = [];
  /** Settles with the first status. */
  readonly outcome: Promise<StatusObject>;
  readonly call: ReturnType<ChannelInterface['createCall']>;
  #settle!: (outcome: StatusObject) => void;

  /** Only makes the call. */
  constructor(
    channel: ChannelInterface,
    readonly kind: Kind,
    deadline: Date | number = Infinity,
  ) {
    this.outcome = new Promise((resolve) => (this.#settle = resolve));
    this.call = channel.createCall(methodOf(kind), deadline, null, null, null);
  }

  /**
   * Starts it with one message, and ends that side unless the request hangs. Unlike a client it reads only when it is
   * told to, by `read()`.
   *
   * @param onMessage runs inside the listener.
   */
  start(request: EchoRequest = {}, onMessage?: () => void): void {
    this.call.start(new Metadata(), {
      onReceiveMetadata: () => undefined,
      onReceiveMessage: (message) => {
        this.messages.push(message as Buffer);
        onMessage?.();
      },
      onReceiveStatus: (received) => {
        this.statuses.push(received);
        this.#settle(received);
      },
    });
    this.call.sendMessageWithContext({}, serialized(request));
    if (request.hang !== true) this.call.halfClose();
  }

  read(): void {
    this.call.startRead();
  }

  expectOneOutcome(): void {
    expect(this.statuses).toHaveLength(1);
  }
}
