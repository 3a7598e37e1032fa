import { credentials, status } from '@grpc/grpc-js';
import { loadEchoPackage, startEchoServer, type EchoClient, type EchoServer } from '@grpc-manifold/testing';
import { createPooledClient, type PooledClient } from 'grpc-manifold';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RecordedCall } from '../endings/recorded-call.js';
import { quiet } from './quiet-server.js';

const MESSAGES = 200;

let server: EchoServer;
let client: PooledClient<EchoClient>;
let blocker: RecordedCall;

let startedBefore = 0;

beforeAll(async () => {
  server = await startEchoServer();
});

beforeEach(async () => {
  startedBefore = (await quiet(server)).startedCalls;
  client = createPooledClient(loadEchoPackage().EchoClient, server.target, credentials.createInsecure(), {
    maxChannels: 1,
    maxStreamsPerChannel: 1,
  });
  blocker = new RecordedCall(client, 'bidi', { request: { hang: true } });
  await server.waitFor((now) => now.openCalls === 1);
});

afterEach(async () => {
  await client.pool.destroy();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Messages that tell their place, of many sizes, larger than any window together. */
function message(place: number): { payload: Buffer } {
  const payload = Buffer.alloc(4 + ((place * 7_919) % 20_000), place);
  payload.writeUInt32BE(place);
  return { payload };
}

describe('a stream that is begun while the pool is full', () => {
  it('hands over every message in order when it is admitted, the half-close last: bidi', async () => {
    const call = client.bidi();
    const received: Buffer[] = [];
    call.on('data', (response: { payload: Buffer }) => received.push(response.payload));
    const ended = new Promise((resolve) => call.on('status', resolve));
    for (let place = 0; place < MESSAGES; place += 1) call.write(message(place));
    call.end();
    expect(client.pool.stats()).toMatchObject({ inFlightCalls: 1, queuedCalls: 1 });
    expect(client.pool.stats().queuedBytes).toBeGreaterThan(0);
    blocker.cancel();
    expect(await ended).toMatchObject({ code: status.OK });
    expect(received.map((payload) => payload.readUInt32BE())).toEqual([...Array(MESSAGES).keys()]);
    expect(received.every((payload, place) => payload.equals(message(place).payload))).toBe(true);
    expect(client.pool.stats()).toMatchObject({ queuedCalls: 0, queuedBytes: 0 });
  });

  it('hands over every message in order when it is admitted, the half-close last: client-stream', async () => {
    let bytes = 0;
    const answered = new Promise<unknown[]>((resolve) => {
      const call = client.clientStream((...answer) => resolve(answer));
      for (let place = 0; place < MESSAGES; place += 1) {
        bytes += message(place).payload.length;
        call.write(message(place));
      }
      call.end();
    });
    expect(client.pool.stats().queuedCalls).toBe(1);
    blocker.cancel();
    const [error, response] = await answered;
    expect(error).toBeNull();
    expect(response).toMatchObject({ receivedMessages: MESSAGES, receivedBytes: bytes });
  });

  it('calls every write back, in order, and only once admitted', async () => {
    const call = client.bidi();
    call.resume();
    const written: number[] = [];
    const allWritten = new Promise<void>((resolve) => {
      for (let place = 0; place < 50; place += 1) {
        call.write(message(place), () => {
          if (written.push(place) === 50) resolve();
        });
      }
    });
    for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
    // Or a writer that heeds its callbacks would fill the queue with all it has.
    expect(written).toEqual([]);
    blocker.cancel();
    await allWritten;
    expect(written).toEqual([...Array(50).keys()]);
    const ended = new Promise((resolve) => call.on('status', resolve));
    call.end();
    expect(await ended).toMatchObject({ code: status.OK });
  });

  it('keeps order when more is written in the very turn of its admission', async () => {
    const call = client.bidi();
    const received: number[] = [];
    call.on('data', (response: { payload: Buffer }) => received.push(response.payload.readUInt32BE()));
    const ended = new Promise((resolve) => call.on('status', resolve));
    for (let place = 0; place < 20; place += 1) call.write(message(place));
    // Runs with the admission.
    blocker.call.on('error', () => {
      for (let place = 20; place < 30; place += 1) call.write(message(place));
    });
    blocker.call.on('status', () => {
      call.write(message(30));
      setImmediate(() => {
        call.write(message(31));
        call.end();
      });
    });
    blocker.cancel();
    expect(await ended).toMatchObject({ code: status.OK });
    expect(received).toEqual([...Array(32).keys()]);
  });

  it('admits those who wait in the order of their start', async () => {
    const order: number[] = [];
    const calls = Array.from(
      { length: 20 },
      (_, place) => new RecordedCall(client, 'unary', { onOutcome: () => order.push(place) }).outcome,
    );
    expect(client.pool.stats().queuedCalls).toBe(20);
    blocker.cancel();
    await Promise.all(calls);
    expect(order).toEqual([...Array(20).keys()]);
    expect(await server.stats()).toMatchObject({ peakOpenCalls: 1, startedCalls: startedBefore + 21 });
  });
});
