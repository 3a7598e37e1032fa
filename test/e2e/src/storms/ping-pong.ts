import { once } from 'node:events';
import { status, type ClientDuplexStream, type StatusObject } from '@grpc/grpc-js';
import type { EchoClient, EchoRequest, EchoResponse } from '@grpc-manifold/testing';

/** An innocent stream that shares a connection with a storm: whatever it says comes back. */
export class PingPong {
  readonly #call: ClientDuplexStream<EchoRequest, EchoResponse>;
  readonly ended: Promise<StatusObject>;
  rounds = 0;

  constructor(client: EchoClient) {
    this.#call = client.bidi();
    this.#call.on('data', () => (this.rounds += 1));
    this.#call.on('error', () => undefined);
    this.ended = new Promise((resolve) => this.#call.once('status', resolve));
  }

  /** Says something and hears it come back; rejects when the stream ends instead. */
  async round(): Promise<void> {
    const answer = once(this.#call, 'data');
    this.#call.write({});
    await Promise.race([
      answer,
      this.ended.then(({ code, details }) => Promise.reject(new Error(`ended with ${status[code]}: ${details}`))),
    ]);
  }

  /** Says no more; resolves to its end. */
  finish(): Promise<StatusObject> {
    this.#call.end();
    return this.ended;
  }
}
