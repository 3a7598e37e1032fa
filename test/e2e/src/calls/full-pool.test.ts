import { credentials, status } from '@grpc/grpc-js';
import { type EchoClient, type EchoServer, eventually, loadEchoPackage, startEchoServer } from '@grpc-manifold/testing';
import { createPooledClient, explain, type PooledClient } from 'grpc-manifold';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KINDS } from '../endings/call-kind.js';
import { RecordedCall } from '../endings/recorded-call.js';
import { quiet } from './quiet-server.js';

const BOUNDS = { maxChannels: 4, maxStreamsPerChannel: 10, queue: { maxQueuedCalls: 5 } } as const;

let server: EchoServer;
let client: PooledClient<EchoClient>;

let startedBefore = 0;

beforeAll(async () => {
  server = await startEchoServer({ maxConcurrentStreams: 10 });
});

beforeEach(async () => {
  startedBefore = (await quiet(server)).startedCalls;
  client = createPooledClient(loadEchoPackage().EchoClient, server.target, credentials.createInsecure(), {
    ...BOUNDS,
    minChannels: 4,
  });
});

afterEach(async () => {
  await client.pool.destroy();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Waits until the pool has all of its connections. */
async function allReady(): Promise<void> {
  client.pool.getConnectivityState(true);
  await eventually(() => expect(client.pool.stats().streamCapacity).toBe(40));
}

describe('50 hanging calls on a pool of four connections with 10 streams each and a queue of 5', () => {
  it.each(KINDS)('are 40 at the server, 5 waiting and 5 shed with the limit and the numbers: %s', async (kind) => {
    await allReady();
    const calls = Array.from({ length: 50 }, () => new RecordedCall(client, kind, { request: { hang: true } }));
    // Decided in the tick of their start, in their order.
    expect(client.pool.stats()).toMatchObject({ inFlightCalls: 40, queuedCalls: 5, shedCalls: 5 });
    const shed = calls.slice(45);
    for (const call of shed) {
      const { code, details } = await call.outcome;
      expect(code).toBe(status.RESOURCE_EXHAUSTED);
      expect(details).toBe(
        'Refused before it was sent, queue-full: 5 calls wait (maxQueuedCalls 5); 40 calls in flight, 5 queued',
      );
      expect(explain(call.error)).toEqual({
        from: 'object',
        refusedBy: 'queue-full',
        limit: 5,
        inFlightCalls: 40,
        queuedCalls: 5,
        queueWaitMs: 0,
      });
    }
    await server.waitFor((now) => now.openCalls === 40);
    expect(client.pool.stats().channels.map((member) => member.inFlightCalls)).toEqual([10, 10, 10, 10]);
    // A round trip later still not one more.
    expect(await server.stats()).toMatchObject({ startedCalls: startedBefore + 40, peakOpenCalls: 40, sessions: 4 });
    expect(calls.slice(0, 45).every((call) => call.statuses.length === 0)).toBe(true);

    for (const call of calls.slice(0, 40)) call.cancel();
    // Those that waited take their places, and no other ever does.
    await server.waitFor((now) => now.openCalls === 5 && now.startedCalls === startedBefore + 45);
    for (const call of calls.slice(40)) call.cancel();
    await Promise.all(calls.map((call) => call.outcome));
    expect(client.pool.stats()).toMatchObject({ startedCalls: 50, cancelledCalls: 45, shedCalls: 5, queuedCalls: 0 });
    for (const call of calls) call.expectOneOutcome();
  });
});

describe('a pool that has no connection yet', () => {
  it('grows with the load until it is full, and then lets 5 wait', async () => {
    await using cold = createPooledClient(loadEchoPackage().EchoClient, server.target, credentials.createInsecure(), {
      ...BOUNDS,
      onDispose: 'cancel',
    });
    const begin = (): RecordedCall => new RecordedCall(cold, 'unary', { request: { hang: true } });
    for (let begun = 1; begun <= 40; begun += 1) {
      begin();
      await server.waitFor((now) => now.openCalls === begun);
    }
    const late = Array.from({ length: 10 }, begin);
    expect(cold.pool.stats()).toMatchObject({ inFlightCalls: 40, queuedCalls: 5, shedCalls: 5 });
    for (const call of late.slice(5)) expect((await call.outcome).code).toBe(status.RESOURCE_EXHAUSTED);
    expect(await server.stats()).toMatchObject({ startedCalls: startedBefore + 40, sessions: 4 });
  });

  it('admits the same 40 of 50 calls that come at once', async () => {
    await using cold = createPooledClient(loadEchoPackage().EchoClient, server.target, credentials.createInsecure(), {
      ...BOUNDS,
      onDispose: 'cancel',
    });
    const calls = Array.from({ length: 50 }, () => new RecordedCall(cold, 'unary', { request: { hang: true } }));
    await server.waitFor((now) => now.openCalls === 40);
    expect(cold.pool.stats()).toMatchObject({ inFlightCalls: 40, queuedCalls: 5, shedCalls: 5 });
    expect(calls.filter((call) => call.statuses.length > 0)).toHaveLength(5);
  });
});
