import { status } from '@grpc/grpc-js';
import { startEchoServer, startFaultProxy, type EchoServer } from '@grpc-manifold/testing';
import { boundedQueue, explain } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from '../endings/call-kind.js';
import { CLIENTS, GuardedClient } from './guarded-client.js';

const FAILING = { statusCode: status.UNAVAILABLE, statusDetails: 'no' };
const QUICK = { volumeThreshold: 5, resetTimeoutMs: 40 };
let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer();
});

afterAll(() => server[Symbol.asyncDispose]());

const startedCalls = async (): Promise<number> => (await server.stats()).startedCalls;

describe.each(CLIENTS)('a circuit breaker on a %s client', (which) => {
  describe.each(KINDS)('%s', (kind) => {
    it('opens within its volume when a server fails, asks once a reset time, and closes when it recovers', async () => {
      await using stage = new GuardedClient(server.target, which, QUICK);
      const before = await startedCalls();
      let sent = 0;
      while (stage.state(kind) !== 'open') {
        sent += 1;
        expect((await stage.begin(kind, { request: FAILING }).outcome).details).toBe('no');
      }
      expect(sent).toBe(5);
      let refused = 0;
      const isProbed = (): boolean => stage.changes.filter(({ reason }) => reason === 'probe-failed').length === 3;
      while (!isProbed()) {
        const call = stage.begin(kind, { request: FAILING });
        expect((await call.outcome).code).toBe(status.UNAVAILABLE);
        call.expectOneOutcome();
        if (explain(call.error)?.refusedBy === 'breaker') refused += 1;
        // A server has its say between two refusals.
        await new Promise(setImmediate);
      }
      expect(refused).toBeGreaterThan(0);
      expect((await startedCalls()) - before).toBe(5 + 3);
      if (stage.state(kind) === 'open') await stage.becomes('half-open');
      expect((await stage.begin(kind).outcome).code).toBe(status.OK);
      expect(stage.state(kind)).toBe('closed');
      const calls = Array.from({ length: 20 }, () => stage.begin(kind));
      for (const call of calls) expect((await call.outcome).code).toBe(status.OK);
      expect((await startedCalls()) - before).toBe(5 + 3 + 1 + 20);
    });

    it('opens when a server hangs, and again by a probe that hangs, which it leaves alone', async () => {
      await using stage = new GuardedClient(server.target, which, { ...QUICK, probeTimeoutMs: 200 });
      // Connected, or the deadline would pass before the server has the calls.
      await new Promise((resolve) => stage.client.waitForReady(Infinity, resolve));
      const before = await startedCalls();
      const isOpen = stage.becomes('open');
      const hanging = { request: { hang: true } };
      for (let sent = 0; sent < 5; sent += 1) {
        stage.begin(kind, { ...hanging, options: { deadline: Date.now() + 500 } });
      }
      await server.waitFor((now) => now.startedCalls === before + 5);
      expect((await isOpen).reason).toBe('failed-calls');
      await stage.becomes('half-open');
      const probe = stage.begin(kind, hanging);
      expect((await stage.becomes('open')).reason).toBe('probe-timeout');
      expect(probe.statuses).toEqual([]);
      probe.cancel();
      expect((await probe.outcome).code).toBe(status.CANCELLED);
      while (stage.state(kind) !== 'closed') {
        if (stage.state(kind) === 'open') await stage.becomes('half-open');
        expect((await stage.begin(kind).outcome).code).toBe(status.OK);
      }
    });

    it('sends nothing while it is open', async () => {
      await using stage = new GuardedClient(server.target, which, { ...QUICK, resetTimeoutMs: 86_400_000 });
      for (let sent = 0; sent < 5; sent += 1) await stage.begin(kind, { request: FAILING }).outcome;
      const before = await startedCalls();
      const calls = Array.from({ length: 500 }, () => stage.begin(kind));
      for (const call of calls) {
        expect((await call.outcome).code).toBe(status.UNAVAILABLE);
        expect(explain(call.error)).toMatchObject({ refusedBy: 'breaker', breaker: { state: 'open', errorRatio: 1 } });
        call.expectOneOutcome();
      }
      // The last word of a server that has nothing to do: one more call, past the breaker.
      await new Promise((resolve) => stage.client.unary({}, resolve));
      expect((await startedCalls()) - before).toBe(1);
    });
  });

  it('stays closed when callers cancel, and when a queue behind it sheds or keeps calls until they are late', async () => {
    const queue = boundedQueue({ limit: 1, maxQueuedCalls: 3 });
    await using stage = new GuardedClient(server.target, which, { ...QUICK, volumeThreshold: 1 }, [queue]);
    const blocker = stage.begin('unary', { request: { hang: true } });
    const options = { deadline: Date.now() + 200 };
    const calls = Array.from({ length: 10 }, () => stage.begin('unary', { options }));
    const outcomes = await Promise.all(calls.map((call) => call.outcome));
    expect(outcomes.map(({ code }) => code).sort((a, b) => a - b)).toEqual([
      ...Array.from({ length: 3 }, () => status.DEADLINE_EXCEEDED),
      ...Array.from({ length: 7 }, () => status.RESOURCE_EXHAUSTED),
    ]);
    blocker.cancel();
    await blocker.outcome;
    expect(stage.breaker.states()).toMatchObject({ '/manifold.testing.v1.Echo/Unary': { state: 'closed', calls: 0 } });
    queue[Symbol.dispose]();
  });

  it('opens when there is no server to connect to, or every call fails at once', async () => {
    const gone = await startEchoServer();
    await gone[Symbol.asyncDispose]();
    await using stage = new GuardedClient(gone.target, which, QUICK);
    let refusedBy: string | undefined;
    for (let sent = 0; sent < 20; sent += 1) {
      const call = stage.begin('unary');
      expect((await call.outcome).code).toBe(status.UNAVAILABLE);
      refusedBy = explain(call.error)?.refusedBy;
    }
    // A pool without a connection refuses by itself as fast, and knows first when there is one again.
    expect(refusedBy).toBe(which === 'plain' ? 'breaker' : 'no-connection');
  });
});

describe('a pool with one bad connection', () => {
  it('does not open the circuit, which would open on as many failures of them all', async () => {
    await using proxy = await startFaultProxy(server);
    await using stage = new GuardedClient(proxy.target, 'pooled', { volumeThreshold: 5, errorThresholdRatio: 0.3 });
    await stage.pool?.warmUp();
    await Promise.all(Array.from({ length: 10 }, () => stage.begin('unary').outcome));
    proxy.connections[0]?.blackHole();
    const options = { deadline: Date.now() + 2_000 };
    const calls = Array.from({ length: 40 }, () => stage.begin('unary', { options }));
    const outcomes = await Promise.all(calls.map((call) => call.outcome));
    const late = outcomes.filter(({ code }) => code === status.DEADLINE_EXCEEDED).length;
    expect(late).toBeGreaterThanOrEqual(50 * 0.3);
    expect(stage.breaker.states()).toMatchObject({
      '/manifold.testing.v1.Echo/Unary': { state: 'closed', calls: 50, failures: late },
    });
    expect(stage.changes).toEqual([]);
  });
});
