import { createServer, type AddressInfo, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { encodeFrame, encodeHeaderBlock, FrameDecoder, type Http2Frame } from '@grpc-manifold/testing';
import { endWithTheBench, processOptions } from '../child-process.js';
import { PacedLine } from './paced-line.js';
import { DEPTH_EVERY_MS, type DepthNews, type PacedServerOptions, type PaceOrder } from './start-paced-server.js';

// A gRPC server with a line in front of one worker; the work takes time, not CPU. Whoever has given up meanwhile still
// has its turn, as with servers that notice late or never that nobody waits any more.
//
// It speaks HTTP/2 frame by frame. A server of node:http2 costs several times as much, on the same two cores as the
// client, and on Node 20 sends away every client that gives up more than 33 calls a second (nghttp2's guard against
// rapid resets): that would be another measurement.

/** Connection window given back at once, so that not every small message is answered by a frame. */
const GIVE_BACK_BYTES = 16_384;
const WINDOW_BYTES = 1 << 20;

const respond = encodeHeaderBlock([
  [':status', '200'],
  ['content-type', 'application/grpc'],
]);
const trailers = encodeHeaderBlock([['grpc-status', '0']]);
const emptyMessage = Buffer.alloc(5);

class Connection {
  /** Calls whose client still waits. */
  readonly #open = new Set<number>();
  readonly #decoder = new FrameDecoder();
  #preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'.length;
  #owedBytes = 0;

  constructor(readonly socket: Socket) {
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#open.clear());
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#send({ kind: 'settings', settings: { initialWindowSize: WINDOW_BYTES } });
  }

  #receive(chunk: Buffer): void {
    const preface = Math.min(this.#preface, chunk.length);
    this.#preface -= preface;
    for (const frame of this.#decoder.push(chunk.subarray(preface))) this.#take(frame);
  }

  #take(frame: Http2Frame): void {
    switch (frame.kind) {
      case 'settings':
        return this.#send({ kind: 'settings-ack' });
      case 'ping':
        return this.#send({ kind: 'ping-ack', data: frame.data });
      case 'rst-stream':
        this.#open.delete(frame.streamId);
        return;
      case 'headers':
        if (frame.endStream === true) this.#enter(frame.streamId);
        return;
      case 'data':
        this.#giveBack(frame.flowBytes ?? 0);
        if (frame.endStream === true) this.#enter(frame.streamId);
    }
  }

  #giveBack(bytes: number): void {
    this.#owedBytes += bytes;
    if (this.#owedBytes < GIVE_BACK_BYTES) return;
    this.#send({ kind: 'window-update', streamId: 0, increment: this.#owedBytes });
    this.#owedBytes = 0;
  }

  #enter(streamId: number): void {
    this.#open.add(streamId);
    enter(() => this.#answer(streamId));
  }

  #answer(streamId: number): void {
    if (!this.#open.delete(streamId)) return;
    this.#send({ kind: 'headers', streamId, block: respond });
    this.#send({ kind: 'data', streamId, data: emptyMessage });
    this.#send({ kind: 'headers', streamId, block: trailers, endStream: true });
  }

  #send(frame: Http2Frame): void {
    if (this.socket.writable) this.socket.write(encodeFrame(frame));
  }
}

const connections = new Set<Connection>();
const line = new PacedLine(serviceMs(processOptions<PacedServerOptions>().callsPerSecond));
let working = false;

function serviceMs(callsPerSecond: number): number {
  return 1_000 / callsPerSecond;
}

function enter(serve: () => void): void {
  line.add(serve, performance.now());
  if (working) return;
  working = true;
  setTimeout(work, 1);
}

function work(): void {
  for (const { socket } of connections) socket.cork();
  line.work(performance.now());
  for (const { socket } of connections) socket.uncork();
  working = line.length > 0;
  if (working) setTimeout(work, 1);
}

endWithTheBench();
process.on('message', ({ callsPerSecond }: PaceOrder) => line.setService(serviceMs(callsPerSecond)));
const server = createServer((socket) => {
  const connection = new Connection(socket);
  connections.add(connection);
  socket.on('close', () => connections.delete(connection));
});
server.listen(0, '127.0.0.1', () => {
  process.send?.((server.address() as AddressInfo).port);
  setInterval(() => {
    process.send?.({ atMs: Date.now(), depth: line.length } satisfies DepthNews);
  }, DEPTH_EVERY_MS);
});
