import { once } from 'node:events';
import { createServer } from 'node:net';
import { credentials, Metadata, status } from '@grpc/grpc-js';
import {
  loadEchoPackage,
  startEchoServer,
  startUnansweredPeer,
  UncaughtExceptions,
  type EchoClient as Echo,
  type EchoServer,
} from '@grpc-manifold/testing';
import { ChannelPool, createPooledClient, pooledChannelFactory, repool } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RecordedCall } from '../endings/recorded-call.js';

const { EchoClient } = loadEchoPackage();
const INSECURE = credentials.createInsecure();
let server: EchoServer;
/** Nobody listens there. */
let deadTarget: string;

beforeAll(async () => {
  server = await startEchoServer();
  const unused = createServer().listen(0, '127.0.0.1');
  await once(unused, 'listening');
  deadTarget = `127.0.0.1:${(unused.address() as { port: number }).port}`;
  unused.close();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Every way to a client; a plain one is what the others are measured by. */
const CLIENTS: readonly (readonly [string, (target: string, drainTimeoutMs?: number) => Echo])[] = [
  ['plain', (target) => new EchoClient(target, INSECURE)],
  ['pooled', (target, drainTimeoutMs) => createPooledClient(EchoClient, target, INSECURE, drain(drainTimeoutMs))],
  [
    'pooled in threads',
    (target, drainTimeoutMs) =>
      createPooledClient(EchoClient, target, INSECURE, { threads: 1, ...drain(drainTimeoutMs) }),
  ],
  [
    'sharing a pool',
    (target, drainTimeoutMs) =>
      createPooledClient(EchoClient, new ChannelPool(target, INSECURE, drain(drainTimeoutMs))),
  ],
  [
    'by a channel factory',
    (target, drainTimeoutMs) =>
      new EchoClient(target, INSECURE, { channelFactoryOverride: pooledChannelFactory(drain(drainTimeoutMs)) }),
  ],
  [
    'repooled',
    (target, drainTimeoutMs) =>
      repool(new EchoClient(target, INSECURE), new ChannelPool(target, INSECURE, drain(drainTimeoutMs))),
  ],
];

function drain(drainTimeoutMs: number | undefined): { drainTimeoutMs?: number } {
  return drainTimeoutMs === undefined ? {} : { drainTimeoutMs };
}

const waitingCall = (client: Echo): RecordedCall =>
  new RecordedCall(client, 'unary', { metadata: new Metadata({ waitForReady: true }) });

describe.each(CLIENTS)('close() of a client, %s', (_how, make) => {
  it.each([
    ['by default', undefined],
    ['with drainTimeoutMs Infinity', Infinity],
  ])('ends a call that waits for a dead server, %s', async (_what, drainTimeoutMs) => {
    const client = make(deadTarget, drainTimeoutMs);
    const call = waitingCall(client);
    // An ordinary call is told when the attempt has failed.
    expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.UNAVAILABLE);
    expect(call.statuses).toEqual([]);
    client.close();
    expect((await call.outcome).code).toBe(status.UNAVAILABLE);
    call.expectOneOutcome();
  });

  it('ends a call that waits for a server whose address does not answer', async () => {
    await using peer = await startUnansweredPeer();
    const client = make(peer.target, Infinity);
    const call = waitingCall(client);
    client.close();
    expect((await call.outcome).code).toBe(status.UNAVAILABLE);
    call.expectOneOutcome();
  });

  it('lets calls in flight finish', async () => {
    const client = make(server.target);
    const call = new RecordedCall(client, 'bidi', { halfClose: false });
    await server.waitFor((now) => now.openCalls === 1);
    client.close();
    const late = new Promise((resolve) => {
      // A plain client throws, the pool tells the call.
      try {
        void new RecordedCall(client, 'unary').outcome.then(({ code }) => resolve(code));
      } catch {
        resolve(status.UNAVAILABLE);
      }
    });
    expect(await late).toBe(status.UNAVAILABLE);
    call.call.end?.();
    expect((await call.outcome).code).toBe(status.OK);
    await server.waitFor((now) => now.openCalls === 0);
  });
});

// What the callback of a plain client throws may be a rejection that nobody handles, which ends a process as well.
describe.each(CLIENTS.slice(1))('waitForReady of a client, %s', (_how, make) => {
  it('throws where everybody sees it what its callback throws', async () => {
    const client = make(server.target);
    using uncaught = new UncaughtExceptions();
    client.waitForReady(Infinity, () => {
      throw new Error('the callback is broken');
    });
    await uncaught.until(1);
    expect(uncaught.thrown).toMatchObject([{ message: 'the callback is broken' }]);
    expect((await new RecordedCall(client, 'unary').outcome).code).toBe(status.OK);
    client.close();
  });
});

describe('waitForReady with minChannels 0', () => {
  it('connects', async () => {
    await using client = createPooledClient(EchoClient, server.target, INSECURE, { minChannels: 0 });
    expect(await new Promise((resolve) => client.waitForReady(Infinity, resolve))).toBeUndefined();
    expect(client.pool.stats()).toMatchObject({ state: 'READY', startedCalls: 0 });
  });
});
