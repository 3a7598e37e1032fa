import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import { buildGrpcGo, eventually, loadEchoPackage, startEchoServer, timePasses } from '@grpc-manifold/testing';
import { createPooledClient, explain, keepalive, type PooledClient } from 'grpc-manifold';
import type { EchoClient } from '@grpc-manifold/testing';
import { beforeAll, expect, it } from 'vitest';
import { describePeer } from './describe-peer.js';
import { manyCalls } from './many-calls.js';

/** 0: a few seconds, with PINGs that are quicker than any server permits, and than we permit without being told to. */
const MINUTES = Number(process.env['MANIFOLD_KEEPALIVE_MINUTES'] ?? 0);
const TIMES = MINUTES > 0 ? { timeMs: 10_000 } : { timeMs: 150, timeoutMs: 5_000, belowMinimum: 'allow' as const };
/** grpc-go counts three PINGs too many, and forgives them when it has sent anything since. */
const BETWEEN_BURSTS_MS = 6 * TIMES.timeMs;
const MEMBERS = 4;
const STREAMS = 12;
const BURST = 16;
const FIVE_MINUTES_MS = 300_000;
const { EchoClient: Client } = loadEchoPackage();

/** A stream that is silent until its connection goes, and then another in its place. */
class LongStreams {
  readonly endings: ServiceError[] = [];
  started = 0;
  #isOver = false;

  constructor(readonly client: PooledClient<EchoClient>) {}

  open(): void {
    this.started += 1;
    const stream = this.client.serverStream({ hang: true, responseCount: 1 });
    stream.resume().once('error', (error: ServiceError) => {
      if (this.#isOver) return;
      this.endings.push(error);
      this.open();
    });
  }

  end(): void {
    this.#isOver = true;
  }
}

describePeer(
  'grpc-go',
  'a pool with keepalive before a server of grpc-go that permits a PING every five minutes',
  () => {
    beforeAll(() => buildGrpcGo(), 300_000);

    it(
      'is struck only on connections that had pinged before it knew, and loses no call that was not begun',
      async () => {
        await using server = await startEchoServer({}, 'grpc-go');
        await using client = createPooledClient(Client, server.target, credentials.createInsecure(), {
          minChannels: MEMBERS,
          maxChannels: MEMBERS,
          picker: 'round-robin',
          policies: [keepalive(TIMES)],
          onDispose: 'cancel',
        });
        await client.pool.warmUp();
        const counts: Record<string, number> = {};
        let unaries = 0;
        const burst = async (): Promise<void> => {
          unaries += BURST;
          for (const [name, count] of Object.entries(await manyCalls(client, BURST, { delayMs: 5 }))) {
            counts[name] = (counts[name] ?? 0) + count;
          }
        };
        const struck: number[] = [];
        const bursts: Promise<void>[] = [];
        let pingedBefore: ReadonlySet<number> | undefined;
        using _changes = client.pool.onChannelStateChange(({ id, fault }) => {
          if (fault?.tag !== 'too-many-pings') return;
          // The connection that takes the place of this one may be on its way already: it never pinged.
          const connected = client.pool.stats().channels.filter(({ state }) => state !== 'connecting');
          pingedBefore ??= new Set([id, ...connected.map((channel) => channel.id)]);
          struck.push(id);
          // Some of these meet connections that the server has just given up.
          bursts.push(burst());
        });
        const streams = new LongStreams(client);
        for (let opened = 0; opened < STREAMS; opened += 1) streams.open();
        await server.waitFor(({ openCalls }) => openCalls === STREAMS);
        const endMs = performance.now() + MINUTES * 60_000;

        await eventually(() => expect(pingedBefore).toBeDefined());
        const isReplaced = (): boolean =>
          client.pool.stats().channels.every(({ id, state }) => state !== 'ready' || pingedBefore?.has(id) === false);
        await eventually(() => expect(isReplaced()).toBe(true));
        const struckAtRotation = struck.length;
        do {
          await timePasses(BETWEEN_BURSTS_MS, 'the streams are pinged between two bursts');
          await burst();
        } while (performance.now() < endMs);
        await Promise.all(bursts);

        const { channels, keepaliveTimeMs } = client.pool.stats();
        console.info(
          `struck ${struck.join(', ')} of ${[...(pingedBefore ?? [])].join(', ')}; ${streams.endings.length} streams ended; ` +
            `${JSON.stringify(counts)} of ${unaries} unary calls; now ${channels.map(({ id, state }) => `${id} ${state}`).join(', ')}`,
        );
        expect(struck.length).toBe(struckAtRotation);
        expect(new Set(struck).size).toBe(struck.length);
        for (const id of struck) expect(pingedBefore).toContain(id);
        expect(keepaliveTimeMs).toBeGreaterThanOrEqual(FIVE_MINUTES_MS);
        expect(channels.filter(({ state }) => state === 'ready')).toHaveLength(MEMBERS);
        // What dies with such a connection says so.
        expect(streams.endings.length).toBeGreaterThan(0);
        for (const error of streams.endings) {
          // As gRPC has it for ENHANCE_YOUR_CALM, where the stream heard of it before the connection was gone.
          expect([status.UNAVAILABLE, status.RESOURCE_EXHAUSTED]).toContain(error.code);
          expect(explain(error)?.fault?.tag).toBe('too-many-pings');
          expect(struck).toContain(explain(error)?.channelId);
        }
        // Whatever failed had begun at the server, and nothing began twice.
        expect(Object.values(counts).reduce((sum, count) => sum + count)).toBe(unaries);
        expect((await server.stats()).startedCalls).toBe(unaries + streams.started);
        streams.end();
      },
      MINUTES * 60_000 + 120_000,
    );
  },
);
