import { credentials, status } from '@grpc/grpc-js';
import { loadEchoPackage, startEchoServer, type EchoServer } from '@grpc-manifold/testing';
import { ChannelPool, createPooledClient, explain, type ChannelPoolOptions } from 'grpc-manifold';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KINDS } from '../endings/call-kind.js';
import { RecordedCall } from '../endings/recorded-call.js';
import { quiet } from './quiet-server.js';

const { EchoClient } = loadEchoPackage();
const HANG = { request: { hang: true } };
let server: EchoServer;
const pools: ChannelPool[] = [];

let startedBefore = 0;

beforeAll(async () => {
  server = await startEchoServer();
});

beforeEach(async () => {
  startedBefore = (await quiet(server)).startedCalls;
});

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.destroy();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

function open(options?: ChannelPoolOptions): ChannelPool {
  const pool = new ChannelPool(server.target, credentials.createInsecure(), options);
  pools.push(pool);
  return pool;
}

describe('clients that share a pool', () => {
  it('end their own calls only when they are disposed', async () => {
    const pool = open({ onDispose: 'cancel' });
    const [ours, theirs] = [createPooledClient(EchoClient, pool), createPooledClient(EchoClient, pool)];
    const ourCalls = KINDS.map((kind) => new RecordedCall(ours, kind, HANG));
    const theirCalls = KINDS.map((kind) => new RecordedCall(theirs, kind, HANG));
    const ownerCall = new RecordedCall(
      new EchoClient('', credentials.createInsecure(), { channelOverride: pool }),
      'unary',
      HANG,
    );
    await server.waitFor((now) => now.openCalls === 9);

    await ours[Symbol.asyncDispose]();
    for (const call of ourCalls) {
      expect(await call.outcome).toMatchObject({
        code: status.CANCELLED,
        details: expect.stringMatching(/client was closed/),
      });
      call.expectOneOutcome();
    }
    await server.waitFor((now) => now.openCalls === 5);
    expect([...theirCalls, ownerCall].flatMap((call) => call.statuses)).toEqual([]);
    expect(await new RecordedCall(theirs, 'bidi').outcome).toMatchObject({ code: status.OK });
    expect(pool.stats()).toMatchObject({ state: 'READY', inFlightCalls: 5 });

    // The one that is closed makes no more calls, and the pool does not pay for its asking.
    const late = new RecordedCall(ours, 'unary');
    expect(late.statuses).toEqual([]);
    expect(await late.outcome).toMatchObject({ code: status.UNAVAILABLE });
    expect(explain(late.error)?.refusedBy).toBe('closed');
    expect(pool.stats().state).toBe('READY');

    // Its owner closes it for all.
    await pool.destroy();
    for (const call of theirCalls) expect((await call.outcome).code).toBe(status.CANCELLED);
    expect((await new RecordedCall(theirs, 'unary').outcome).code).toBe(status.UNAVAILABLE);
  });

  it('end their own calls that wait as well', async () => {
    const pool = open({ onDispose: 'cancel', maxChannels: 1, maxStreamsPerChannel: 1 });
    const [ours, theirs] = [createPooledClient(EchoClient, pool), createPooledClient(EchoClient, pool)];
    const blocker = new RecordedCall(theirs, 'bidi', HANG);
    await server.waitFor((now) => now.openCalls === 1);
    const waiting = KINDS.map((kind) => new RecordedCall(ours, kind));
    const theirWaiting = new RecordedCall(theirs, 'unary');
    await ours[Symbol.asyncDispose]();
    for (const call of waiting) expect((await call.outcome).code).toBe(status.UNAVAILABLE);
    expect(pool.stats()).toMatchObject({ inFlightCalls: 1, queuedCalls: 1 });
    blocker.cancel();
    expect(await theirWaiting.outcome).toMatchObject({ code: status.OK });
    expect((await server.stats()).startedCalls).toBe(startedBefore + 2);
  });

  it('let their own calls finish where the pool drains on disposal, and wait for nobody else', async () => {
    const pool = open();
    const [ours, theirs] = [createPooledClient(EchoClient, pool), createPooledClient(EchoClient, pool)];
    const hanging = new RecordedCall(theirs, 'bidi', HANG);
    const stream = new RecordedCall(ours, 'bidi', { halfClose: false });
    await server.waitFor((now) => now.openCalls === 2);
    let isDisposed = false;
    const disposed = ours[Symbol.asyncDispose]().then(() => (isDisposed = true));
    expect((await new RecordedCall(ours, 'unary').outcome).code).toBe(status.UNAVAILABLE);
    expect(isDisposed).toBe(false);
    stream.call.end?.();
    expect(await stream.outcome).toMatchObject({ code: status.OK });
    await disposed;
    expect(hanging.statuses).toEqual([]);
    hanging.cancel();
    await hanging.outcome;
  });

  it('can be closed as grpc-js clients are, and leave the pool open', async () => {
    const pool = open();
    const client = createPooledClient(EchoClient, pool);
    expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.OK);
    client.close();
    client.close();
    await client[Symbol.asyncDispose]();
    expect(client.getChannel().getConnectivityState(true)).toBe(4);
    expect(pool.stats().state).toBe('READY');
    const another = createPooledClient(EchoClient, pool);
    expect((await new RecordedCall(another, 'unary').outcome).code).toBe(status.OK);
    expect(pool.stats().channels).toHaveLength(1);
  });
});
