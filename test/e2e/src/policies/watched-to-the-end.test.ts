import { status, type ServiceError } from '@grpc/grpc-js';
import { eventually, loadEchoPackage, settled, startScriptedPeer, type ScriptedPeer } from '@grpc-manifold/testing';
import { createPooledClient, explain, keepalive, threadChannelFactory, type PolicyAction } from 'grpc-manifold';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { StillPool } from '../stalls/still-pool.js';

const { EchoClient } = loadEchoPackage();
/** Long enough for a connection to be found stalled before it is sent a PING. */
const TIMES = { timeMs: 10_000, timeoutMs: 5_000 };
/** The same where time is real: what happens between threads cannot be told by a clock that stands still. */
const SHORT_TIMES = { timeMs: 300, timeoutMs: 500, belowMinimum: 'allow' } as const;

const threads = threadChannelFactory({ threads: 1 });
afterAll(() => threads[Symbol.asyncDispose]());

/** A pool with one subscription on its first connection, by default on a clock that stands still. */
class Scene extends StillPool {
  readonly #actions: PolicyAction[];
  readonly ended: ServiceError[] = [];

  constructor(peer: ScriptedPeer, isReal = false) {
    const actions: PolicyAction[] = [];
    const policies = [
      keepalive(isReal ? SHORT_TIMES : TIMES),
      { name: 'test', review: () => ({ actions: actions.splice(0), nextReviewMs: 100 }) },
    ];
    const options = { minChannels: 2, maxChannels: 2, policies };
    super(peer, isReal ? { ...options, channelFactory: threads } : options, isReal);
    this.#actions = actions;
  }

  get state(): string {
    return this.stateOf(1);
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
    await eventually(() => expect(scene.state).toBe('draining'));
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

/** What comes from a thread comes in real time. */
describe.skipIf(process.env['MANIFOLD_THREADS'])('a connection with a subscription that falls silent', () => {
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
