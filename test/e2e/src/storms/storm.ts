import { once } from 'node:events';
import { Metadata, status, type ClientReadableStream, type ClientUnaryCall, type StatusObject } from '@grpc/grpc-js';
import type { EchoClient, EchoResponse } from '@grpc-manifold/testing';

/** Calls that hang, on the hanging server and on an echo server alike, and how each of them ended. */
export class HangingCalls {
  readonly #calls: ClientUnaryCall[] = [];
  readonly endings = new Map<string, number>();
  readonly #settled: Promise<void>;

  constructor(client: EchoClient, count: number, deadline?: number) {
    const metadata = new Metadata();
    metadata.set('hang', '1');
    let left = count;
    this.#settled = new Promise((resolve) => {
      for (let started = 0; started < count; started += 1) {
        const call = client.unary({ hang: true }, metadata, deadline === undefined ? {} : { deadline }, (error) => {
          const code = status[error?.code ?? status.OK];
          this.endings.set(code, (this.endings.get(code) ?? 0) + 1);
          left -= 1;
          if (left === 0) resolve();
        });
        this.#calls.push(call);
      }
    });
  }

  /** Cancels all of them in one tick. */
  cancel(): void {
    for (const call of this.#calls) call.cancel();
  }

  /** Resolves to the count of each status when all have one. */
  async settled(): Promise<Record<string, number>> {
    await this.#settled;
    return Object.fromEntries(this.endings);
  }
}

/** An innocent stream that shares a connection with a storm: messages come all the time. */
export class Bystander {
  readonly #call: ClientReadableStream<EchoResponse>;
  readonly ended: Promise<StatusObject>;
  /** The code it ended with; undefined while it runs. */
  code: status | undefined;

  constructor(client: EchoClient) {
    this.#call = client.serverStream({});
    this.#call.on('data', () => undefined);
    this.#call.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      this.#call.once('status', (ending: StatusObject) => {
        this.code = ending.code;
        resolve(ending);
      });
    });
  }

  /** Waits for another message; rejects when the stream ends instead. */
  async hear(): Promise<void> {
    await Promise.race([
      once(this.#call, 'data'),
      this.ended.then(({ code, details }) => Promise.reject(new Error(`ended with ${status[code]}: ${details}`))),
    ]);
  }
}

/** Calls that are answered at once; resolves when all were. */
export async function answeredCalls(client: EchoClient, count: number): Promise<void> {
  await Promise.all(
    Array.from(
      { length: count },
      () => new Promise<void>((resolve, reject) => client.unary({}, (error) => (error ? reject(error) : resolve()))),
    ),
  );
}
