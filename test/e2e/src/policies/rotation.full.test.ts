import { credentials } from '@grpc/grpc-js';
import { collectGarbage, leakCheck, loadEchoPackage, startEchoServer, until } from '@grpc-manifold/testing';
import { createPooledClient, maxAge } from 'grpc-manifold';
import { expect, it } from 'vitest';
import { channelzEntities, type ChannelzEntities } from './channelz-entities.js';
import { whenTold } from './when-told.js';

const MEMBERS = 4;
const ROTATIONS = 1_000;
/**
 * Where growth is measured from: code is compiled during the first hundreds, which takes memory too, and goes on for
 * some.
 */
const WARM_ROTATIONS = 200;
/** A leak of 5 KB a rotation; a connection that stays takes more than ten times as much. */
const MAX_HEAP_GROWTH_BYTES = 4_000_000;
const CALLERS = 4;
/** More than grpc-js draws: for each connection a channel, a subchannel and a socket. */
const HIGHEST_ID = 10_000;

/** What there is at one moment, once all garbage is gone. */
interface Look {
  readonly rotations: number;
  readonly heapBytes: number;
  readonly channelz: ChannelzEntities;
}

async function look(rotations: number): Promise<Look> {
  let rounds = 0;
  await collectGarbage(() => rounds++ >= 10);
  const heapBytes = process.memoryUsage().heapUsed;
  return { rotations, heapBytes, channelz: channelzEntities(HIGHEST_ID) };
}

it('a thousand members that are replaced under load are never missed, and leave nothing behind', async () => {
  const check = leakCheck();
  const before = channelzEntities(HIGHEST_ID);
  {
    const { policy, begin } = whenTold(maxAge({ maxAgeMs: 1, jitterRatio: 0 }));
    await using server = await startEchoServer();
    await using client = createPooledClient(loadEchoPackage().EchoClient, server.target, credentials.createInsecure(), {
      minChannels: MEMBERS,
      maxChannels: MEMBERS,
      policies: [policy],
    });
    const { pool } = client;
    await pool.warmUp({ channels: MEMBERS });
    let closed = 0;
    let fewestReady = Infinity;
    let mostLive = 0;
    using _changes = pool.onChannelStateChange(({ to }) => {
      const states = pool.stats().channels.map(({ state }) => state);
      const ready = states.filter((state) => state === 'ready').length;
      fewestReady = Math.min(fewestReady, ready);
      mostLive = Math.max(mostLive, ready + states.filter((state) => state === 'connecting').length);
      if (to === 'closed') closed += 1;
    });
    let isOver = false;
    const failures: unknown[] = [];
    const callers = Array.from({ length: CALLERS }, async () => {
      while (!isOver) {
        const error = await new Promise((resolve) => client.unary({}, resolve));
        if (error !== null) failures.push(error);
      }
    });

    begin();
    const looks: Look[] = [];
    for (let count = WARM_ROTATIONS; count <= ROTATIONS; count += WARM_ROTATIONS) {
      await until(
        'the pool',
        () => closed,
        (seen) => seen >= count,
      );
      // Or the check would hold on to every socket that it has seen.
      check.leftovers();
      looks.push(await look(closed));
    }
    isOver = true;
    await Promise.all(callers);

    if (process.env['MANIFOLD_SHOW'] !== undefined) {
      for (const { rotations, heapBytes, channelz } of looks) {
        console.log(
          `${rotations} rotations: heap ${(heapBytes / 1e6).toFixed(2)} MB, channelz ${JSON.stringify(channelz)}`,
        );
      }
      console.log(`${pool.stats().succeededCalls} calls, ${failures.length} failed; at least ${fewestReady} ready`);
    }
    expect(failures).toEqual([]);
    expect([fewestReady, mostLive]).toEqual([MEMBERS, MEMBERS + 1]);
    const [warm, last] = [looks[0] as Look, looks.at(-1) as Look];
    expect(last.heapBytes - warm.heapBytes).toBeLessThan(MAX_HEAP_GROWTH_BYTES);
    for (const { channelz } of looks) {
      // Those that there are, and those that come and go at this moment.
      const most = MEMBERS + 3;
      expect(channelz.channels - before.channels).toBeLessThanOrEqual(most);
      expect(channelz.subchannels - before.subchannels).toBeLessThanOrEqual(most);
      expect(channelz.sockets - before.sockets).toBeLessThanOrEqual(most);
    }
  }
  await check.expectNothingLeft();
  expect(channelzEntities(HIGHEST_ID)).toEqual(before);
}, 120_000);

/**
 * Any connection that becomes ready takes the place of one that is to go, though it was opened because there were too
 * few.
 */
it('members are not replaced while there are fewer than minChannels', async () => {
  await using server = await startEchoServer();
  await using client = createPooledClient(loadEchoPackage().EchoClient, server.target, credentials.createInsecure(), {
    minChannels: MEMBERS,
    maxChannels: MEMBERS,
    policies: [maxAge({ maxAgeMs: 1, jitterRatio: 0 })],
  });
  const { pool } = client;
  await pool.warmUp({ channels: MEMBERS });
  let fewestReady = MEMBERS;
  let closed = 0;
  await new Promise<void>((resolve) => {
    pool.onChannelStateChange(({ to }) => {
      fewestReady = Math.min(fewestReady, pool.stats().channels.filter(({ state }) => state === 'ready').length);
      if (to === 'closed' && ++closed === 2 * MEMBERS) resolve();
    });
  });
  expect(fewestReady).toBe(MEMBERS);
});
