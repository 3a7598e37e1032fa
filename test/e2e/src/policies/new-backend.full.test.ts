import { credentials } from '@grpc/grpc-js';
import {
  type EchoServer,
  loadEchoPackage,
  startEchoServer,
  startFaultProxy,
  timePasses,
  until,
} from '@grpc-manifold/testing';
import { createPooledClient, maxAge } from 'grpc-manifold';
import { expect, it } from 'vitest';

const MEMBERS = 20;
const MAX_AGE_MS = 3_000;
const CALLERS = 20;
/** Milliseconds from an answer to the next call: a load that leaves the machine time for the rest. */
const PAUSE_MS = 10;
const SAMPLE_CALLS = 2_000;

it('a backend that is added behind a balancer has its share when all connections have reached their age', async () => {
  const servers: EchoServer[] = await Promise.all(Array.from({ length: 4 }, () => startEchoServer()));
  await using added = await startEchoServer();
  let turn = 0;
  await using balancer = await startFaultProxy(() => servers[turn++ % servers.length] as EchoServer);
  await using client = createPooledClient(loadEchoPackage().EchoClient, balancer.target, credentials.createInsecure(), {
    minChannels: MEMBERS,
    maxChannels: MEMBERS,
    policies: [maxAge({ maxAgeMs: MAX_AGE_MS })],
  });
  const { pool } = client;
  await pool.warmUp({ channels: MEMBERS });

  let isOver = false;
  let calls = 0;
  const failures: unknown[] = [];
  const callers = Array.from({ length: CALLERS }, async () => {
    while (!isOver) {
      const error = await new Promise((resolve) => client.unary({}, resolve));
      calls += 1;
      await timePasses(PAUSE_MS, 'the load leaves the machine time');
      if (error !== null) failures.push(error);
    }
  });

  // From now on there are five.
  servers.push(added);
  const startMs = performance.now();
  const old = new Set(pool.stats().channels.map(({ id }) => id));
  let fewestReady = MEMBERS;
  await new Promise<void>((resolve) => {
    pool.onChannelStateChange(({ id, to }) => {
      const ready = pool.stats().channels.filter(({ state }) => state === 'ready').length;
      fewestReady = Math.min(fewestReady, ready);
      if (to === 'closed') old.delete(id);
      if (old.size === 0) resolve();
    });
  });
  const tookMs = performance.now() - startMs;

  const stats = await Promise.all(servers.map((server) => server.stats()));
  const sampledAt = calls;
  await until(
    'the load',
    () => calls,
    (count) => count >= sampledAt + SAMPLE_CALLS,
  );
  const later = await Promise.all(servers.map((server) => server.stats()));
  isOver = true;
  await Promise.all(callers);

  const share = (numbers: readonly number[]): number =>
    ((numbers.at(-1) as number) * numbers.length) / numbers.reduce((sum, number) => sum + number, 0);
  const connections = share(stats.map(({ sessions }) => sessions));
  const answers = share(later.map(({ startedCalls }, index) => startedCalls - (stats[index]?.startedCalls ?? 0)));
  if (process.env['MANIFOLD_SHOW'] !== undefined) {
    console.log(
      `${MEMBERS} members, of an age of ${MAX_AGE_MS} ms, all replaced ${tookMs.toFixed(0)} ms after the fifth backend was added: ` +
        `it has ${connections.toFixed(2)} of an even share of connections, ${answers.toFixed(2)} of calls; ${calls} calls`,
    );
  }
  expect(failures).toEqual([]);
  expect(fewestReady).toBe(MEMBERS);
  for (const each of [connections, answers]) {
    expect(each).toBeGreaterThan(0.75);
    expect(each).toBeLessThan(1.25);
  }
  await Promise.all(servers.slice(0, 4).map((server) => server[Symbol.asyncDispose]()));
}, 60_000);
