import { credentials, InterceptingCall, status, type Interceptor } from '@grpc/grpc-js';
import { loadEchoPackage, startEchoServer, type EchoClient as Echo, type EchoServer } from '@grpc-manifold/testing';
import {
  boundedQueue,
  circuitBreaker,
  createPooledClient,
  explain,
  gradientLimit,
  type BreakerStates,
  type ChannelPool,
} from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examplesOf, regionsOf } from './guide-example.js';

const { EchoClient } = loadEchoPackage();
const payload = Buffer.from('hello');
const notes: string[] = [];
let server: EchoServer;
let target: string;

beforeAll(async () => {
  server = await startEchoServer();
  target = server.target;
});

afterAll(() => server[Symbol.asyncDispose]());

/** An interceptor that notes each call, and what came of it. */
const noting =
  (name: string): Interceptor =>
  (options, nextCall) => {
    notes.push(name);
    return new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) =>
        next(metadata, {
          onReceiveStatus: (received, nextStatus) => {
            notes.push(`${name}: ${status[received.code]}`);
            nextStatus(received);
          },
        }),
    });
  };
const [telemetry, authorize] = [noting('telemetry'), noting('authorize')];

function ask(client: Echo, request = {}): Promise<status> {
  return new Promise((resolve) => client.unary(request, (error) => resolve(error?.code ?? status.OK)));
}

function makeChain(): {
  client: Echo & { readonly pool: ChannelPool };
  breaker: ReturnType<typeof circuitBreaker>;
  queue: ReturnType<typeof boundedQueue>;
} {
  // #region
  const serviceConfig = {
    methodConfig: [
      {
        name: [{ service: 'manifold.testing.v1.Echo' }],
        retryPolicy: {
          maxAttempts: 3,
          initialBackoff: '0.05s',
          maxBackoff: '1s',
          backoffMultiplier: 2,
          retryableStatusCodes: ['UNAVAILABLE'],
        },
      },
    ],
    retryThrottling: { maxTokens: 10, tokenRatio: 0.1 },
  };
  const breaker = circuitBreaker({ resetTimeoutMs: 5_000 });
  const queue = boundedQueue({ limit: gradientLimit() });
  const client = createPooledClient(EchoClient, target, credentials.createInsecure(), {
    channelOptions: { 'grpc.service_config': JSON.stringify(serviceConfig) },
    interceptors: [telemetry, breaker, queue, authorize],
  });
  // #endregion
  return { client, breaker, queue };
}

describe('the guide to resilience', () => {
  it('shows what is run here', () => {
    expect(examplesOf('resilience.md')).toEqual(regionsOf('./resilience.test.ts'));
  });

  // Where connections live in threads each thread has a throttle of its own.
  it.skipIf(process.env['MANIFOLD_THREADS'])(
    'shows each layer what it is to see, with one throttle for the retries of all members',
    async () => {
      const { client, breaker, queue } = makeChain();
      await client.pool.warmUp({ channels: 2 });
      const before = (await server.stats()).startedCalls;
      const told: string[] = [];
      const log = (what: string): unknown => told.push(what);
      let fallBack!: (why: string) => void;
      const fell = new Promise<string>((resolve) => (fallBack = resolve));

      notes.length = 0;
      expect(await ask(client)).toBe(status.OK);
      expect(notes).toEqual(['telemetry', 'authorize', 'authorize: OK', 'telemetry: OK']);

      // 20 calls of three attempts each would be 60; the throttle of ten tokens lets three retries through.
      const failing = { statusCode: status.UNAVAILABLE };
      for (let sent = 0; sent < 20; sent += 1) {
        if (breaker.states()['/manifold.testing.v1.Echo/Unary']?.state === 'open') break;
        expect(await ask(client, failing)).toBe(status.UNAVAILABLE);
      }
      expect(breaker.states()['/manifold.testing.v1.Echo/Unary']).toMatchObject({
        state: 'open',
        calls: 20,
        failures: 19,
      });
      const sent = (await server.stats()).startedCalls - before;
      expect(sent).toBe(1 + 19 + 3);

      notes.length = 0;
      const { shedCalls } = queue.stats();
      // #region
      client.unary({ payload }, { deadline: Date.now() + 600 }, (error) => {
        const { refusedBy, breaker: circuit } = explain(error) ?? {};
        if (refusedBy === 'breaker') fallBack(`${circuit?.key} is ${circuit?.state} at ${circuit?.errorRatio}`);
      });
      breaker.onStateChange(({ key, from, to, reason }) => log(`${key}: ${from} > ${to}, ${reason}`));
      // #endregion
      expect(await fell).toBe('/manifold.testing.v1.Echo/Unary is open at 0.95');
      expect(notes).toEqual(['telemetry', 'telemetry: UNAVAILABLE']);
      expect(queue.stats()).toMatchObject({ inFlightCalls: 0, queuedCalls: 0, shedCalls });
      expect((await server.stats()).startedCalls - before).toBe(sent);

      // #region
      const saved = JSON.stringify(breaker.states()); // when the old process ends
      const restored = circuitBreaker({ resetTimeoutMs: 5_000, restore: JSON.parse(saved) as BreakerStates });
      // #endregion
      expect(restored.states()).toMatchObject({
        '/manifold.testing.v1.Echo/Unary': { state: 'open', errorRatio: 0.95 },
      });
      restored[Symbol.dispose]();

      breaker[Symbol.dispose]();
      queue[Symbol.dispose]();
      await client.pool.destroy();
      expect(told).toEqual([]);
    },
  );
});
