import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';

/** A message with its gRPC prefix. */
export function framed(bytes: Buffer, compressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt8(compressed ? 1 : 0);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** What a raw server answers, piece by piece. */
export interface RawAnswer {
  readonly httpStatus?: number;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Sent as they are: `framed` makes messages of bytes. */
  readonly data?: readonly Buffer[];
  /** Default: grpc-status 0. */
  readonly trailers?: Readonly<Record<string, string | string[]>>;
  /** The trailers come in the first and only header block. */
  readonly trailersOnly?: boolean;
  /** End by RST_STREAM with this code instead of trailers. */
  readonly reset?: number;
}

/** A call as it came in. */
export class RawCall {
  readonly #received: Buffer[] = [];
  isHalfClosed = false;
  isClosed = false;

  constructor(
    readonly stream: ServerHttp2Stream,
    readonly rawHeaders: readonly string[],
    readonly session: ServerHttp2Session,
  ) {
    stream.on('data', (chunk: Buffer) => this.#received.push(chunk));
    stream.on('end', () => (this.isHalfClosed = true));
    stream.on('error', () => undefined);
    stream.on('close', () => (this.isClosed = true));
  }

  /**
   * Names and values in order, but for the time that is left: that differs from run to run, and the pool, which writes
   * it itself, writes it before gRPC's own headers where grpc-js writes it among them.
   */
  get headers(): [string, string][] {
    const headers: [string, string][] = [];
    const timeout: [string, string][] = [];
    for (let at = 0; at < this.rawHeaders.length; at += 2) {
      const [name, value] = this.rawHeaders.slice(at, at + 2) as [string, string];
      if (name === 'grpc-timeout') timeout.push([name, `some ${value.slice(-1)}`]);
      else headers.push([name, value]);
    }
    return [...headers, ...timeout];
  }

  get timeoutMs(): number {
    const at = this.rawHeaders.indexOf('grpc-timeout');
    const [, amount, unit] = /^(\d+)(.)$/.exec(this.rawHeaders[at + 1] ?? '') ?? [];
    return Number(amount) * ({ m: 1, S: 1_000, M: 60_000, H: 3_600_000 }[unit ?? ''] ?? NaN);
  }

  /** The messages that came in. */
  get messages(): { compressed: boolean; bytes: Buffer }[] {
    const messages = [];
    let rest = Buffer.concat(this.#received);
    while (rest.length >= 5) {
      const end = 5 + rest.readUInt32BE(1);
      messages.push({ compressed: rest.readUInt8() === 1, bytes: rest.subarray(5, end) });
      rest = rest.subarray(end);
    }
    return messages;
  }

  /** What there is to compare. */
  get seen(): object {
    return {
      headers: this.headers,
      messages: this.messages.map(
        ({ compressed, bytes }) => `${compressed ? 'compressed ' : ''}${bytes.toString('hex')}`,
      ),
      isHalfClosed: this.isHalfClosed,
      rstCode: this.stream.rstCode,
    };
  }

  answer(answer: RawAnswer): void {
    const { stream } = this;
    if (stream.destroyed) return;
    const trailers = answer.trailers ?? { 'grpc-status': '0' };
    const headers = { ':status': answer.httpStatus ?? 200, 'content-type': 'application/grpc', ...answer.headers };
    if (answer.trailersOnly === true) return void stream.respond({ ...headers, ...trailers }, { endStream: true });
    stream.respond(headers, { waitForTrailers: answer.reset === undefined });
    for (const bytes of answer.data ?? []) stream.write(bytes);
    if (answer.reset === undefined) {
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      stream.end();
    } else {
      stream.close(answer.reset);
    }
  }
}

/** An HTTP/2 server that does what a test says, well formed or not, and keeps what came in. */
export interface RawServer extends AsyncDisposable {
  readonly target: string;
  /** Since the last `script`, oldest first. */
  readonly calls: readonly RawCall[];
  /** Says what to do with each call as soon as its headers are there, and forgets the calls so far. */
  script(onCall: (call: RawCall, number: number) => void): void;
  waitFor(predicate: (calls: readonly RawCall[]) => boolean): Promise<void>;
}

/** Answers when the client has sent all of its request. */
export const afterRequest =
  (answer: RawAnswer): ((call: RawCall) => void) =>
  (call) =>
    void call.stream.on('end', () => call.answer(answer));

/** Starts one on a free port of 127.0.0.1. */
export async function startRawServer(): Promise<RawServer> {
  let calls: RawCall[] = [];
  let onCall = (_call: RawCall, _number: number): void => undefined;
  const server: Http2Server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    session.on('error', () => undefined);
  });
  server.on('stream', (stream: ServerHttp2Stream, _headers: object, _flags: number, rawHeaders: unknown) => {
    const call = new RawCall(stream, rawHeaders as string[], stream.session as ServerHttp2Session);
    onCall(call, calls.push(call));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    get calls() {
      return calls;
    },
    script(next) {
      calls = [];
      onCall = next;
    },
    async waitFor(predicate) {
      while (!predicate(calls)) await turn();
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
