import { credentials } from '@grpc/grpc-js';
import { leakCheck, loadEchoPackage, startEchoServer, startHaproxyServer } from '@grpc-manifold/testing';
import { createPooledClient, type PooledClientOptions } from 'grpc-manifold';
import { describe, expect, it } from 'vitest';
import { describePeer } from './describe-peer.js';
import { manyCalls } from './many-calls.js';

const { EchoClient: Client } = loadEchoPackage();

const open = (target: string, options: PooledClientOptions = {}) =>
  createPooledClient(Client, target, credentials.createInsecure(), { onDispose: 'cancel', ...options });
const start = () => startEchoServer({}, 'grpc-js');

describePeer('haproxy', 'a pool before haproxy', () => {
  describe('that speaks HTTP/2', () => {
    it('takes what haproxy says for its limit, and no stream is refused', async () => {
      const check = leakCheck();
      {
        await using server = await start();
        await using haproxy = await startHaproxyServer([server], { maxConcurrentStreams: 7 });
        await using client = open(haproxy.target, { maxChannels: 4 });
        expect(await manyCalls(client, 1)).toEqual({ OK: 1 });
        expect(client.pool.stats().channels).toMatchObject([{ maxConcurrentStreams: 7, learnedFromServer: true }]);
        const calls = manyCalls(client, 200, { delayMs: 100 });
        const { peakOpenCallsOnSession } = await server.waitFor(({ openCalls }) => openCalls === 28);
        expect(peakOpenCallsOnSession).toBeLessThanOrEqual(7);
        expect(await calls).toEqual({ OK: 200 });
        // None was sent twice either, which is how a refused one is made good.
        expect(await server.stats()).toMatchObject({ startedCalls: 201, peakOpenCallsOnSession: 7 });
        expect(client.pool.stats().retriedCalls).toBe(0);
        expect(await haproxy.connections()).toEqual({ open: 4, accepted: 4 });
      }
      await check.expectNothingLeft();
    });

    it('loses no call when a new haproxy takes over from the old one', async () => {
      await using server = await start();
      await using haproxy = await startHaproxyServer([server]);
      await using client = open(haproxy.target, { minChannels: 4, maxChannels: 4 });
      await client.pool.warmUp();
      const before = manyCalls(client, 100, { delayMs: 300 });
      await server.waitFor(({ openCalls }) => openCalls === 100);
      await haproxy.reload();
      expect(await manyCalls(client, 100, { delayMs: 10 })).toEqual({ OK: 100 });
      expect(await before).toEqual({ OK: 100 });
    });
  });

  describe('that joins sockets', () => {
    it('has its connections go to the servers in turn, one that is added among them', async () => {
      await using first = await start();
      await using second = await start();
      await using haproxy = await startHaproxyServer([first], { mode: 'tcp' });
      await haproxy.addOrigin(second);
      await using client = open(haproxy.target, { minChannels: 4, maxChannels: 4 });
      await client.pool.warmUp();
      expect(await manyCalls(client, 100)).toEqual({ OK: 100 });
      for (const server of [first, second]) expect(await server.stats()).toMatchObject({ acceptedSessions: 2 });
    });
  });
});
