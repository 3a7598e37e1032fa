import { credentials, status } from '@grpc/grpc-js';
import {
  buildGrpcGo,
  leakCheck,
  loadEchoPackage,
  startEchoServer,
  startHaproxyServer,
  startNginxServer,
  timePasses,
} from '@grpc-manifold/testing';
import {
  createPooledClient,
  explain,
  idleClose,
  keepalive,
  type ChannelPool,
  type PooledClientOptions,
} from 'grpc-manifold';
import { beforeAll, describe, expect, it } from 'vitest';
import { describePeer } from './describe-peer.js';
import { manyCalls } from './many-calls.js';
import { SteadyLoad } from './steady-load.js';

const BUILD_TIMEOUT_MS = 300_000;
const CALLERS = 40;
const { EchoClient: Client } = loadEchoPackage();

const open = (target: string, options: PooledClientOptions = {}) =>
  createPooledClient(Client, target, credentials.createInsecure(), {
    minChannels: 4,
    maxChannels: 4,
    onDispose: 'cancel',
    'grpc.initial_reconnect_backoff_ms': 50,
    'grpc.max_reconnect_backoff_ms': 200,
    ...options,
  });

/** Takes note of the connections that a pool has lost. */
function watchLost(pool: ChannelPool) {
  const lost = new Map<number, string>();
  const subscription = pool.onChannelStateChange(({ id, fault }) => {
    if (fault !== undefined) lost.set(id, fault.tag);
  });
  return { lost, [Symbol.dispose]: () => subscription[Symbol.dispose]() };
}

/**
 * A connection fails those calls that are on it when it goes, once each. A caller may meet several: all went at the
 * same moment, but the pool hears of one after the other.
 */
function expectOnlyThoseLost({ failures }: SteadyLoad, lost: ReadonlyMap<number, string>): void {
  expect(failures.length).toBeLessThanOrEqual(CALLERS * lost.size);
  for (const error of failures) {
    expect(error.code).toBe(status.UNAVAILABLE);
    const { channelId, fault } = explain(error) ?? {};
    expect(lost.get(channelId as number)).toBe(fault?.tag);
    expect(['dropped', 'reset']).toContain(fault?.tag);
  }
}

/** What is restarted three times under load fails what was under way, and nothing else. */
async function expectRestartsHarmNothingElse(peer: { readonly target: string; restart(): Promise<void> }) {
  await using client = open(peer.target);
  using watch = watchLost(client.pool);
  const load = new SteadyLoad(client, CALLERS);
  for (let restarts = 0; restarts < 3; restarts += 1) {
    await load.more(200);
    await peer.restart();
  }
  await load.more(200);
  await load.stop();
  expectOnlyThoseLost(load, watch.lost);
}

describePeer('grpc-go', 'under load, grpc-go', () => {
  beforeAll(() => buildGrpcGo(), BUILD_TIMEOUT_MS);

  describe('that sends connections away for their age', () => {
    it.each([{ maxConnectionAgeMs: 300 }, { maxConnectionAgeMs: 300, maxConnectionAgeGraceMs: 2_000 }])(
      'fails no call: %o',
      async (age) => {
        const check = leakCheck();
        {
          await using server = await startEchoServer(age, 'grpc-go');
          await using client = open(server.target);
          const load = new SteadyLoad(client, CALLERS);
          // Each of the four goes five times or so.
          await server.waitFor(({ acceptedSessions }) => acceptedSessions >= 20);
          await load.stop();
          expect(load.failures).toEqual([]);
          expect((await server.stats()).startedCalls).toBe(load.finishedCalls);
        }
        await check.expectNothingLeft();
      },
    );

    it('ends the calls that outlast the grace, and no others', async () => {
      await using server = await startEchoServer({ maxConnectionAgeMs: 300, maxConnectionAgeGraceMs: 300 }, 'grpc-go');
      await using client = open(server.target);
      const long = manyCalls(client, 8, { hang: true });
      const load = new SteadyLoad(client, CALLERS);
      expect(await long).toEqual({ UNAVAILABLE: 8 });
      await load.more(CALLERS);
      await load.stop();
      expect(load.failures).toEqual([]);
    });
  });

  it('that is killed fails what it had begun; once it is back, calls go on', async () => {
    const server = await startEchoServer({}, 'grpc-go');
    await using client = open(server.target);
    using watch = watchLost(client.pool);
    const load = new SteadyLoad(client, CALLERS);
    await load.more(200);
    await server.kill();
    await using _back = await startEchoServer({ port: server.port }, 'grpc-go');
    await load.more(200);
    await load.stop();
    expectOnlyThoseLost(load, watch.lost);
    expect(client.pool.stats().channels.filter(({ state }) => state === 'ready').length).toBeGreaterThan(0);
  });
});

describePeer('nginx', 'under load, nginx', () => {
  it('that is restarted again and again fails what was under way, and nothing else', async () => {
    await using server = await startNginxServer({}, 'keepalive_requests 1000000;');
    await expectRestartsHarmNothingElse(server);
  });
});

describePeer('haproxy', 'under load, haproxy', () => {
  it.each(['http', 'tcp'] as const)(
    'in mode %s that is restarted again and again fails what was under way, and nothing else',
    async (mode) => {
      await using server = await startEchoServer({}, 'grpc-js');
      await using haproxy = await startHaproxyServer([server], { mode });
      await expectRestartsHarmNothingElse(haproxy);
    },
  );

  it('that is reloaded again and again, as by its service, fails no call', async () => {
    await using server = await startEchoServer({}, 'grpc-js');
    await using haproxy = await startHaproxyServer([server]);
    await using client = open(haproxy.target);
    const load = new SteadyLoad(client, CALLERS);
    for (let reloads = 0; reloads < 3; reloads += 1) {
      await load.more(200);
      await haproxy.reload();
    }
    await load.more(200);
    await load.stop();
    expect(load.failures).toEqual([]);
  });

  describe('that drops a connection that was silent for a second', () => {
    const CYCLES = 8;
    const idle = { clientTimeoutMs: 1_000 };

    it.each([
      { name: 'idleClose, which is sooner', policies: [idleClose({ idleTimeoutMs: 500 })], minChannels: 0 },
      { name: 'the four that are kept asked for life', policies: [idleClose({ idleTimeoutMs: 500 })], minChannels: 4 },
      {
        name: 'PINGs, which keep them',
        policies: [keepalive({ timeMs: 300, withoutCalls: true, belowMinimum: 'allow' })],
        minChannels: 4,
      },
    ])('fails no call after any pause, with $name', async ({ policies, minChannels }) => {
      await using server = await startEchoServer({}, 'grpc-js');
      await using haproxy = await startHaproxyServer([server], idle);
      await using client = open(haproxy.target, { policies, minChannels });
      for (let cycle = 0; cycle < CYCLES; cycle += 1) {
        expect(await manyCalls(client, 20)).toEqual({ OK: 20 });
        await timePasses(idle.clientTimeoutMs - 40 + cycle * 10, 'haproxy drops them about now');
      }
      expect(await manyCalls(client, 20)).toEqual({ OK: 20 });
    });
  });
});
