import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import {
  eventually,
  FakeClock,
  loadEchoPackage,
  type PeerConnection,
  type ScriptedPeer,
  settled,
  startScriptedPeer,
  until,
} from '@grpc-manifold/testing';
import {
  ChannelPool,
  createPooledClient,
  explain,
  keepalive,
  threadChannelFactory,
  type PolicyAction,
} from 'grpc-manifold';
import { afterAll, afterEach, describe, expect, it } from 'vitest';

const { EchoClient } = loadEchoPackage();
const STEP_MS = 100;
/** Long enough for a connection to be found stalled before it is sent a PING. */
const TIMES = { timeMs: 10_000, timeoutMs: 5_000 };
/** The same where time is real: what happens between threads cannot be told by a clock that stands still. */
const SHORT_TIMES = { timeMs: 300, timeoutMs: 500, belowMinimum: 'allow' } as const;

const threads = threadChannelFactory({ threads: 1 });
afterAll(() => threads[Symbol.asyncDispose]());

/** A pool on real sockets with one subscription on its first connection, by default on a clock that stands still. */
class Scene {
  readonly clock = new FakeClock();
  readonly #actions: PolicyAction[] = [];
  readonly pool: ChannelPool;
  readonly ended: ServiceError[] = [];

  constructor(
    readonly peer: ScriptedPeer,
    private readonly isReal = false,
  ) {
    const policies = [
      keepalive(isReal ? SHORT_TIMES : TIMES),
      { name: 'test', review: () => ({ actions: this.#actions.splice(0), nextReviewMs: STEP_MS }) },
    ];
    this.pool = new ChannelPool(
      peer.target,
      credentials.createInsecure(),
      // With one connection alone nothing is ejected.
      { minChannels: 2, maxChannels: 2, policies, ...(isReal ? { channelFactory: threads } : {}) },
      isReal ? {} : { clock: this.clock },
    );
  }

  get first(): PeerConnection {
    return this.peer.connections[0] as PeerConnection;
  }

  get state(): string {
    return this.pool.stats().channels.find(({ id }) => id === 1)?.state ?? 'closed';
  }

  async subscribe(): Promise<void> {
    const stream = createPooledClient(EchoClient, this.pool).serverStream({});
    stream.on('data', () => undefined).on('error', (error: ServiceError) => this.ended.push(error));
    await this.peer.waitFor(({ openStreams }) => openStreams === 1);
    const headed = new Promise((resolve) => stream.once('metadata', resolve));
    this.first.respondPartly(1);
    await headed;
  }

  /** A unary call that nobody answers. */
  call(deadlineInMs: number): void {
    const client = createPooledClient(EchoClient, this.pool);
    client.unary({}, { deadline: this.clock.now() + deadlineInMs }, () => undefined);
  }

  async act(action: PolicyAction): Promise<void> {
    this.#actions.push(action);
    await this.passUntil(() => this.state === 'draining', 2_000);
  }

  /** Lets time go by until something is so; connections that are being made are waited for. Returns the milliseconds. */
  async passUntil(isSo: () => boolean, mostMs: number, meanwhile?: (passedMs: number) => void): Promise<number> {
    let passedMs = 0;
    if (this.isReal) await until('the scene', isSo);
    while (!isSo() && passedMs < mostMs) {
      meanwhile?.(passedMs);
      this.clock.advance(STEP_MS);
      passedMs += STEP_MS;
      await settled();
      const isConnecting = (): boolean => this.pool.stats().channels.some(({ state }) => state === 'connecting');
      if (isConnecting()) await until('the pool', () => !isConnecting());
    }
    expect(isSo()).toBe(true);
    return passedMs;
  }

  /** Destroys the pool. A socket whose peer is silent is destroyed by a timer. */
  async end(): Promise<void> {
    let isOver = false;
    const destroyed = this.pool.destroy().then(() => (isOver = true));
    while (!isOver) {
      this.clock.advance(STEP_MS);
      await settled();
    }
    await destroyed;
  }
}

type Road = (scene: Scene) => Promise<void>;

/** What brings a connection into a state, in which then nothing more is heard of it. */
const roads: Readonly<Record<string, Road>> = {
  'is ready': async ({ first }) => first.stopReading(),
  'is ejected, and then stalled': async (scene) => {
    scene.first.stopReading();
    scene.call(60_000);
    scene.call(60_000);
    await scene.passUntil(() => scene.state === 'failed', 2_000);
  },
  'is stalled': async (scene) => {
    scene.first.stopReading();
    await scene.passUntil(
      () => scene.state === 'draining',
      8_000,
      (passedMs) => {
        if (passedMs % 1_000 === 0) scene.call(1_000);
      },
    );
    expect(scene.pool.stats().lastFault?.tag).toBe('stalled');
  },
  'drains after a GOAWAY': async (scene) => {
    scene.first.sendGoaway(0);
    await until('the connection', () => scene.state === 'draining');
    scene.first.stopReading();
  },
  'was replaced': async (scene) => {
    await scene.act({ kind: 'rotate', channelId: 1, reason: 'test' });
    scene.first.stopReading();
  },
  'was replaced, and has said GOAWAY': async (scene) => {
    await scene.act({ kind: 'rotate', channelId: 1, reason: 'test' });
    const seen = scene.pool.stats().lastFault;
    scene.first.sendGoaway(0);
    await settled();
    expect(seen).toBeUndefined();
    scene.first.stopReading();
  },
  'drains because others are enough': async (scene) => {
    await scene.act({ kind: 'close', channelId: 1, reason: 'test' });
    scene.first.stopReading();
  },
};

let scene: Scene;
afterEach(() => scene.end());

async function strike(road: Road): Promise<void> {
  await scene.subscribe();
  await eventually(() => expect(scene.pool.stats().channels.map(({ state }) => state)).toEqual(['ready', 'ready']));
  await road(scene);
  const { first, ended, peer, pool } = scene;
  expect(ended).toEqual([]);
  await scene.passUntil(() => ended.length > 0, TIMES.timeMs + TIMES.timeoutMs);
  expect(ended).toMatchObject([{ code: status.UNAVAILABLE }]);
  expect(explain(ended[0])?.fault).toMatchObject({ tag: 'keepalive-timeout' });
  await scene.passUntil(() => pool.stats().channels.every(({ id }) => id !== 1), 1_000);
  first.resumeReading();
  await peer.waitFor(() => !first.isOpen);
}

describe('a connection with a subscription that falls silent', () => {
  it.each(Object.entries(roads))('and %s ends it as keepalive says', async (_state, road) => {
    await using peer = await startScriptedPeer();
    scene = new Scene(peer);
    const heardMs = scene.clock.elapsed();
    await strike(road);
    // What the test did before the peer fell silent takes up to a second.
    expect(scene.clock.elapsed() - heardMs).toBeLessThanOrEqual(TIMES.timeMs + TIMES.timeoutMs + 1_000);
  });
});

describe('a connection in a thread with a subscription that falls silent', () => {
  const quick = Object.entries(roads).filter(([state]) => !state.includes('ejected') && !state.includes('stalled'));

  it.each(quick)('and %s ends it as keepalive says', async (_state, road) => {
    await using peer = await startScriptedPeer();
    scene = new Scene(peer, true);
    await strike(road);
  });
});
