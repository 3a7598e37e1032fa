import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import { loadEchoPackage, type PeerConnection, startScriptedPeer, until } from '@grpc-manifold/testing';
import { createPooledClient, explain, idleClose, keepalive } from 'grpc-manifold';
import { expect, it } from 'vitest';

const MEMBERS = 4;
const ENHANCE_YOUR_CALM = 11;
/** As gRPC servers have it: two may come too soon (gRFC A8, MAX_PING_STRIKES). */
const MAX_STRIKES = 2;
/** A quarter of it lies between two of four connections: what one is told is heard before the next one pings. */
const TIME_MS = 1_600;
const LEARNED_MS = 300_000;

it('what one connection is told all of them learn, and those that had pinged go one by one with their streams alive', async () => {
  const pings = new Map<PeerConnection, number>();
  const struck: PeerConnection[] = [];
  await using peer = await startScriptedPeer({
    onFrame: (connection, { kind }) => {
      if (kind !== 'ping') return;
      const count = (pings.get(connection) ?? 0) + 1;
      pings.set(connection, count);
      if (count <= MAX_STRIKES) return;
      struck.push(connection);
      connection.sendGoaway(ENHANCE_YOUR_CALM, connection.lastStreamId, 'too_many_pings');
      connection.end();
    },
  });
  await using client = createPooledClient(loadEchoPackage().EchoClient, peer.target, credentials.createInsecure(), {
    minChannels: MEMBERS,
    maxChannels: MEMBERS,
    policies: [idleClose(), keepalive({ timeMs: TIME_MS, belowMinimum: 'allow' })],
    onDispose: 'cancel',
  });
  const { pool } = client;
  await pool.warmUp({ channels: MEMBERS });
  const ended: ServiceError[] = [];
  const streams = Array.from({ length: MEMBERS }, () => client.serverStream({}));
  for (const stream of streams) stream.on('error', (error: ServiceError) => ended.push(error));
  await peer.waitFor(({ connections }) => connections.every(({ openStreams }) => openStreams === 1));
  let mostLive = 0;
  pool.onChannelStateChange(() => {
    const live = pool.stats().channels.filter(({ state }) => state === 'ready' || state === 'connecting');
    mostLive = Math.max(mostLive, live.length);
  });

  // One dies of it; another comes for that one, and one for each of those that had pinged.
  const ready = (): number[] => pool.stats().channels.flatMap(({ id, state }) => (state === 'ready' ? [id] : []));
  await until('the pool', ready, (ids) => ids.length === MEMBERS && ids.every((id) => id > MEMBERS));
  expect(struck).toHaveLength(1);
  expect(pool.stats()).toMatchObject({ keepaliveTimeMs: LEARNED_MS, lastFault: { tag: 'too-many-pings' } });
  expect(mostLive).toBeLessThanOrEqual(MEMBERS + 1);
  expect(ended).toMatchObject([{ code: status.RESOURCE_EXHAUSTED }]);
  expect(explain(ended[0])?.fault).toMatchObject({ tag: 'too-many-pings' });
  expect(
    pool
      .stats()
      .channels.map(({ state }) => state)
      .sort(),
  ).toEqual([
    ...Array.from({ length: MEMBERS - 1 }, () => 'draining'),
    ...Array.from({ length: MEMBERS }, () => 'ready'),
  ]);
  expect([...pings.keys()].every(({ id }) => id <= MEMBERS)).toBe(true);
  for (const stream of streams) stream.cancel();
});
