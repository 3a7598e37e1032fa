import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';

/** A call from the view of a client, with all events that it received. */
export class ClientCall {
  readonly statuses: StatusObject[] = [];
  readonly events: string[] = [];
  started = false;

  constructor(readonly call: ChannelCall) {}

  start(metadata = new Metadata(), onStatus: (received: StatusObject) => void = () => undefined): this {
    this.started = true;
    this.call.start(metadata, {
      onReceiveMetadata: () => this.#tell('metadata'),
      onReceiveMessage: (message: Buffer) => this.#tell(`message ${message.toString()}`),
      onReceiveStatus: (received) => {
        this.#tell(status[received.code]);
        this.statuses.push(received);
        onStatus(received);
      },
    });
    return this;
  }

  get ending(): StatusObject {
    if (this.statuses.length !== 1) throw new Error(`${this.statuses.length} statuses: ${this.events.join(', ')}`);
    return this.statuses[0] as StatusObject;
  }

  get code(): string {
    return status[this.ending.code];
  }

  #tell(event: string): void {
    if (this.statuses.length > 0) event += ' after the status';
    this.events.push(event);
  }
}
