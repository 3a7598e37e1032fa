import type { ServerHttp2Stream } from 'node:http2';
import { loadEchoPackage } from '@grpc-manifold/testing';
import { framed, startRawServer, type RawCall, type RawServer } from '../ways-in/raw-server.js';

const { service } = loadEchoPackage();
const PAYLOAD = Buffer.alloc(1_024);

/** A message of 1 KB that tells its place. */
function message(sequence: number): Buffer {
  return framed(service.ServerStream.responseSerialize({ payload: PAYLOAD, sequence } as never));
}

/** A stream that a server fills as fast as its client lets it. */
export class Flood {
  /** Messages that went into the stream so far. */
  sent = 0;
  isClosed = false;

  constructor(
    private readonly stream: ServerHttp2Stream,
    private readonly messages: number,
  ) {
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.once('close', () => (this.isClosed = true));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    this.#fill();
  }

  readonly #fill = (): void => {
    while (this.sent < this.messages && !this.stream.destroyed) {
      this.sent += 1;
      if (this.stream.write(message(this.sent - 1))) continue;
      this.stream.once('drain', this.#fill);
      return;
    }
    this.stream.end();
  };
}

/** Floods every server stream, and answers every unary call at once with 1 KB. */
export class FloodingServer implements AsyncDisposable {
  readonly floods: Flood[] = [];

  private constructor(
    readonly raw: RawServer,
    /** Messages of each server stream. */
    messages: number,
  ) {
    raw.script((call: RawCall) => {
      const isFlood = call.stream.sentHeaders === undefined && call.rawHeaders.includes(PATHS.serverStream);
      if (isFlood) this.floods.push(new Flood(call.stream, messages));
      else call.answer({ data: [message(0)] });
    });
  }

  static async start(messages: number): Promise<FloodingServer> {
    return new FloodingServer(await startRawServer(), messages);
  }

  get target(): string {
    return this.raw.target;
  }

  [Symbol.asyncDispose](): PromiseLike<void> {
    return this.raw[Symbol.asyncDispose]();
  }
}

const PATHS = { serverStream: service.ServerStream.path };
