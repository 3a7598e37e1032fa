import { AsyncLocalStorage } from 'node:async_hooks';
import { credentials, status } from '@grpc/grpc-js';
import {
  loadEchoPackage,
  startEchoServer,
  startFaultProxy,
  type EchoClient,
  type EchoServer,
  type FaultProxy,
} from '@grpc-manifold/testing';
import { createPooledClient, type PooledClient } from 'grpc-manifold';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { KINDS, type Kind } from '../endings/call-kind.js';
import { RecordedCall, type CallStart } from '../endings/recorded-call.js';
import { quiet } from './quiet-server.js';

const { EchoClient } = loadEchoPackage();
const TENANTS = ['blue', 'green', 'red'] as const;
const tenant = new AsyncLocalStorage<string>();

let server: EchoServer;
let proxy: FaultProxy;
let client: PooledClient<EchoClient>;

beforeAll(async () => {
  server = await startEchoServer();
});

beforeEach(async () => {
  await quiet(server);
  proxy = await startFaultProxy(server);
  client = createPooledClient(EchoClient, proxy.target, credentials.createInsecure(), {
    maxChannels: 1,
    maxStreamsPerChannel: 3,
    queue: { maxQueuedCalls: 3 },
  });
});

afterEach(async () => {
  await client.pool.destroy();
  await proxy[Symbol.asyncDispose]();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

interface TenantCall {
  readonly name: string;
  readonly call: RecordedCall;
  /** The store in each callback and listener of the call. */
  readonly stores: (string | undefined)[];
}

/** Begins a call for a tenant. */
function beginFor(name: string, kind: Kind, start: CallStart = {}): TenantCall {
  const stores: (string | undefined)[] = [];
  const note = (): void => void stores.push(tenant.getStore());
  const call = tenant.run(name, () => {
    const begun = new RecordedCall(client, kind, { ...start, onOutcome: note, onMessage: note, onMetadata: note });
    begun.call.on('end', note);
    begun.call.on('error', note);
    return begun;
  });
  return { name, call, stores };
}

/** One call for each tenant. */
function beginForAll(kind: Kind, start?: CallStart): TenantCall[] {
  return TENANTS.map((name) => beginFor(name, kind, start));
}

async function expectOwnStores(calls: readonly TenantCall[], code: status): Promise<void> {
  for (const { name, call, stores } of calls) {
    expect(status[(await call.outcome).code]).toBe(status[code]);
    await new Promise(setImmediate);
    expect(stores.length).toBeGreaterThan(0);
    expect(stores).toEqual(stores.map(() => name));
  }
}

/** Takes all three streams, each for another tenant. */
async function fill(): Promise<TenantCall[]> {
  const calls = beginForAll('bidi', { request: { hang: true } });
  await server.waitFor((now) => now.openCalls === 3);
  return calls;
}

describe.each(KINDS)('the callbacks of three tenants see their own store: %s', (kind) => {
  it('when their calls opened the connection', async () => {
    await expectOwnStores(beginForAll(kind, { request: { sendInitialMetadata: true } }), status.OK);
  });

  it('when their calls were handed out at once', async () => {
    await new RecordedCall(client, 'unary').outcome;
    await expectOwnStores(beginForAll(kind, { request: { sendInitialMetadata: true } }), status.OK);
    await expectOwnStores(beginForAll(kind, { request: { statusCode: status.ABORTED } }), status.ABORTED);
  });

  it('when their calls waited, and were admitted in the callbacks of another tenant', async () => {
    const blockers = await fill();
    const waiting = beginForAll(kind, { request: { sendInitialMetadata: true } });
    expect(client.pool.stats().queuedCalls).toBe(3);
    // Each place is given up in the context of the next tenant.
    blockers.forEach(({ call }, index) => tenant.run(TENANTS[(index + 1) % 3] as string, () => call.cancel()));
    await expectOwnStores(waiting, status.OK);
    await expectOwnStores(blockers, status.CANCELLED);
  });

  it('when their calls waited and failed', async () => {
    const blockers = await fill();
    const waiting = beginForAll(kind, { request: { statusCode: status.NOT_FOUND } });
    for (const { call } of blockers) call.cancel();
    await expectOwnStores(waiting, status.NOT_FOUND);
  });

  it('at deadlines, in flight and queued', async () => {
    await new RecordedCall(client, 'unary').outcome;
    const options = { deadline: Date.now() + 60 };
    const inFlight = beginForAll(kind, { request: { hang: true }, options });
    const queued = beginForAll(kind, { request: { hang: true }, options });
    expect(client.pool.stats()).toMatchObject({ inFlightCalls: 3, queuedCalls: 3 });
    await expectOwnStores([...inFlight, ...queued], status.DEADLINE_EXCEEDED);
  });

  it('when they are shed', async () => {
    await fill();
    beginForAll('unary');
    await expectOwnStores(beginForAll(kind), status.RESOURCE_EXHAUSTED);
  });

  it('when they cancel one another', async () => {
    await new RecordedCall(client, 'unary').outcome;
    const inFlight = beginForAll(kind, { request: { hang: true } });
    const queued = beginForAll(kind, { request: { hang: true } });
    for (const { call } of [...queued, ...inFlight]) tenant.run('somebody else', () => call.cancel());
    await expectOwnStores([...inFlight, ...queued], status.CANCELLED);
  });

  it('when the pool is destroyed by somebody else', async () => {
    const inFlight = await fill();
    const queued = beginForAll(kind);
    await tenant.run('somebody else', () => client.pool.destroy());
    await expectOwnStores(inFlight, status.CANCELLED);
    await expectOwnStores(queued, status.UNAVAILABLE);
    await expectOwnStores(beginForAll(kind), status.UNAVAILABLE);
  });

  it('when their connection is lost', async () => {
    const calls = kind === 'bidi' ? await fill() : beginForAll(kind, { request: { hang: true } });
    await server.waitFor((now) => now.openCalls === 3);
    proxy.connections[0]?.reset();
    await expectOwnStores(calls, status.UNAVAILABLE);
  });

  it('when no connection can be had', async () => {
    proxy.refuseNew();
    await expectOwnStores(beginForAll(kind), status.UNAVAILABLE);
  });
});

it('tells of the writes of a stream that waited in the store of their caller', async () => {
  const blockers = await fill();
  const call = tenant.run('blue', () => client.bidi());
  const stores: (string | undefined)[] = [];
  const written = new Promise<void>((resolve) => {
    tenant.run('blue', () => {
      for (let count = 1; count <= 5; count += 1) {
        call.write({}, () => {
          if (stores.push(tenant.getStore()) === 5) resolve();
        });
      }
    });
  });
  call.resume();
  for (const blocker of blockers) tenant.run('red', () => blocker.call.cancel());
  await written;
  expect(stores).toEqual(Array(5).fill('blue'));
  const ended = new Promise((resolve) => call.on('status', resolve));
  call.end();
  await ended;
});
