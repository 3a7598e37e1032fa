import { credentials, Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { expect, it } from 'vitest';
import { ChannelPool, type ScaleDecision } from '@grpc-manifold/channel-pool';
import { startScriptedPeer, type ScriptedPeer } from '@grpc-manifold/testing';

const ANSWER = Buffer.from([0, 0, 0, 0, 0]);

function call(pool: ChannelPool): Promise<StatusObject> {
  return new Promise((resolve) => {
    const one = pool.createCall('/manifold.testing.v1.Echo/Unary', Infinity, null, null, null);
    one.start(new Metadata(), {
      onReceiveMetadata: () => undefined,
      onReceiveMessage: () => undefined,
      onReceiveStatus: resolve,
    });
    one.startRead();
    one.sendMessageWithContext({}, ANSWER);
    one.halfClose();
  });
}

function answerAll(peer: ScriptedPeer): void {
  for (const connection of peer.connections) {
    for (const streamId of [...connection.openStreamIds]) connection.respond(streamId, { messages: [ANSWER] });
  }
}

it('connections follow a load that rises to five times and falls back, twice, and no call fails for it', async () => {
  await using peer = await startScriptedPeer({ settings: { maxConcurrentStreams: 10 } });
  await using pool = new ChannelPool(peer.target, credentials.createInsecure(), { shrinkAfterMs: 300 });
  const decisions: ScaleDecision[] = [];
  pool.onScale((decision) => decisions.push(decision));
  const statuses: StatusObject[] = [];
  const ready = (): number => pool.stats().channels.filter(({ state }) => state === 'ready').length;
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  for (let wave = 0; wave < 2; wave += 1) {
    const calls = Array.from({ length: 50 }, () => call(pool));
    await peer.waitFor(({ openStreams }) => openStreams === 50);
    await until(() => ready() === 6);
    answerAll(peer);
    statuses.push(...(await Promise.all(calls)));
    // The low plateau: ten calls at once, again and again, until the surplus is gone.
    await until(() => decisions.at(-1)?.action === 'keep' || decisions.at(-1)?.action === 'shrink');
    while (ready() > 2) {
      const few = Array.from({ length: 10 }, () => call(pool));
      await peer.waitFor(({ openStreams }) => openStreams === 10);
      answerAll(peer);
      statuses.push(...(await Promise.all(few)));
    }
  }
  expect(statuses.filter(({ code }) => code !== status.OK)).toEqual([]);
  const directions = decisions.map(({ action }) => action).filter((action) => action !== 'keep');
  const changes = directions.filter((action, at) => at > 0 && action !== directions[at - 1]);
  // Up, down, up, down: one change of direction a plateau.
  expect(changes).toEqual(['shrink', 'grow', 'shrink']);
});
