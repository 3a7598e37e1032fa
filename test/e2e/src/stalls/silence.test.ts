import { status } from '@grpc/grpc-js';
import { eventually, loadEchoPackage, startScriptedPeer, type ScriptedPeer } from '@grpc-manifold/testing';
import {
  createPooledClient,
  explain,
  threadChannelFactory,
  type CallExplanation,
  type ChannelPoolOptions,
  type PolicyAction,
} from 'grpc-manifold';
import { describe, expect, it } from 'vitest';
import { StillPool } from './still-pool.js';

const { EchoClient } = loadEchoPackage();
const ANSWER = { messages: [Buffer.alloc(0)] };
const STALLED_MS = 5_000;

interface Ending {
  readonly code: status;
  readonly details: string;
  readonly explanation: CallExplanation | undefined;
}

/** A pool whose first connection has answered a call, and is heard of no more. */
class SilentPool extends StillPool {
  readonly endings: Ending[] = [];
  readonly #client = createPooledClient(EchoClient, this.pool);

  call(): Promise<Ending> {
    return new Promise((resolve) => {
      this.#client.unary({}, (error) => {
        const ending = { code: error?.code ?? 0, details: error?.details ?? '', explanation: explain(error) };
        this.endings.push(ending);
        resolve(ending);
      });
    });
  }

  /** Begins so many calls that have no deadline. */
  callMany(count: number): void {
    for (let begun = 0; begun < count; begun += 1) void this.call();
  }

  /** Begins a call that is to be cancelled. */
  callAndCancel(): { cancel(): void } {
    return this.#client.unary({}, (error) => {
      this.endings.push({ code: error?.code ?? 0, details: error?.details ?? '', explanation: explain(error) });
    });
  }

  onFirst(): Ending[] {
    return this.endings.filter(({ explanation }) => explanation?.channelId === 1);
  }
}

async function answeringPeer(): Promise<ScriptedPeer> {
  return startScriptedPeer({ onRequestEnd: (connection, id) => connection.respond(id, ANSWER) });
}

async function silence(peer: ScriptedPeer, options: ChannelPoolOptions, isReal = false): Promise<SilentPool> {
  const scene = new SilentPool(peer, options, isReal);
  expect(await scene.call()).toMatchObject({ code: status.OK });
  const states = Array<string>(options.minChannels ?? 1).fill('ready');
  await eventually(() => expect(scene.pool.stats().channels.map(({ state }) => state)).toEqual(states));
  scene.endings.length = 0;
  scene.first.stopReading();
  return scene;
}

/** Options under which nobody else would have asked, and how many of 210 calls then are on the silent connection. */
const variants: readonly [ChannelPoolOptions, number][] = [
  [{ maxChannels: 1 }, 100],
  [{ maxChannels: 1, picker: 'peak-ewma' }, 100],
  [{ maxChannels: 1, affinity: () => 'one' }, 100],
  [{ maxChannels: 1, ejectOutliers: false, policies: [] }, 100],
  [{ maxChannels: 1, maxStreamsPerChannel: 50 }, 50],
  [{ maxChannels: 1, maxStreamsPerChannel: 150 }, 150],
];

/** What comes from a thread comes in real time. */
const inThreads = process.env['MANIFOLD_THREADS'] !== undefined;

describe.skipIf(inThreads)('one connection that falls silent under 210 calls without deadlines', () => {
  it.each(variants)('is replaced after 5 s and its calls end after 60 s, with %o', async (options, onFirst) => {
    await using peer = await answeringPeer();
    const scene = await silence(peer, { queue: { maxQueueTimeMs: 2_000 }, ...options });
    scene.callMany(210);
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: onFirst, queuedCalls: 210 - onFirst });

    const replacedMs = await scene.passUntil(() => scene.stateOf(2) === 'ready', 10_000);
    expect(replacedMs).toBeLessThanOrEqual(STALLED_MS + 1_500);
    expect(scene.pool.stats()).toMatchObject({ lastFault: { tag: 'stalled' }, drainingChannels: 1 });
    // Those that waited ended as maxQueueTimeMs says. The next are answered.
    expect(scene.endings.map(({ explanation }) => explanation?.refusedBy)).toEqual(
      Array(210 - onFirst).fill('queue-time'),
    );
    expect(await scene.call()).toMatchObject({ code: status.OK });

    await scene.passUntil(() => scene.onFirst().length > 0, 60_000);
    expect(scene.clock.elapsed()).toBeLessThanOrEqual(62_000);
    expect(scene.onFirst()).toEqual(
      Array(onFirst).fill({
        code: status.UNAVAILABLE,
        details: expect.stringMatching(
          /^Connection 1 was given up: no sign of life for \d+ ms .* \(silenceTimeoutMs 60000\)/,
        ),
        explanation: expect.objectContaining({
          fault: expect.objectContaining({ tag: 'stalled' }) as unknown,
        }) as unknown,
      }),
    );
    expect(scene.endings).toHaveLength(211);
    await scene.end();
  });
});

describe.skipIf(inThreads)('a connection that falls silent', () => {
  it('is replaced also when calls come one by one, and the one after is answered', async () => {
    await using peer = await answeringPeer();
    const scene = await silence(peer, { maxChannels: 1 });
    const replacedMs = await scene.passUntil(
      () => scene.stateOf(2) === 'ready',
      10_000,
      (passedMs) => {
        if (passedMs % 1_000 === 0) scene.callMany(1);
      },
    );
    expect(replacedMs).toBeLessThanOrEqual(STALLED_MS + 2_500);
    expect(await scene.call()).toMatchObject({ code: status.OK });
    await scene.end();
  });

  it('is replaced beside others that live, also where nothing is ejected', async () => {
    await using peer = await answeringPeer();
    const scene = await silence(peer, { minChannels: 2, maxChannels: 2, ejectOutliers: false, picker: 'round-robin' });
    scene.callMany(2);
    await eventually(() => expect(scene.endings).toHaveLength(1));
    await scene.passUntil(() => scene.stateOf(3) === 'ready', STALLED_MS + 2_500);
    expect([scene.stateOf(1), scene.stateOf(2)]).toEqual(['draining', 'ready']);
    await scene.end();
  });

  it('keeps its calls for ever with silenceTimeoutMs Infinity, and they are answered when it is heard again', async () => {
    await using peer = await answeringPeer();
    const scene = await silence(peer, { maxChannels: 1, silenceTimeoutMs: Infinity });
    scene.callMany(3);
    let passedMs = 0;
    await scene.passUntil(
      () => passedMs >= 119_000,
      120_000,
      (ms) => (passedMs = ms),
    );
    expect(scene.endings).toEqual([]);
    scene.first.resumeReading();
    await eventually(() => expect(scene.endings.map(({ code }) => code)).toEqual([0, 0, 0]));
    await scene.end();
  });

  it('ends its calls before it is stalled where silenceTimeoutMs is less than that', async () => {
    await using peer = await answeringPeer();
    const scene = await silence(peer, { maxChannels: 1, silenceTimeoutMs: 1_000 });
    scene.callMany(3);
    const endedMs = await scene.passUntil(() => scene.endings.length > 0, 5_000);
    expect(endedMs).toBeLessThanOrEqual(3_000);
    expect(scene.endings).toMatchObject(Array(3).fill({ explanation: { fault: { tag: 'stalled' } } }));
    expect(await scene.call()).toMatchObject({ code: status.OK });
    await scene.end();
  });

  it('after it has said GOAWAY ends the calls that it had not answered', async () => {
    const unanswered = await startScriptedPeer();
    await using peer = unanswered;
    const scene = new SilentPool(peer, { maxChannels: 1 });
    scene.callMany(2);
    await peer.waitFor(({ openStreams }) => openStreams === 2);
    scene.first.sendGoaway(0);
    await eventually(() => expect(scene.stateOf(1)).toBe('draining'));
    scene.first.stopReading();
    await scene.passUntil(() => scene.endings.length > 0, 63_000);
    expect(scene.endings).toMatchObject(
      Array(2).fill({ code: status.UNAVAILABLE, explanation: { channelId: 1, fault: { tag: 'stalled' } } }),
    );
    await scene.end();
  });

  it('while maxDrainingChannels others are stalled ends the calls of the oldest at once', async () => {
    await using peer = await startScriptedPeer();
    const scene = new SilentPool(peer, { maxChannels: 1, maxDrainingChannels: 2 });
    for (const id of [1, 2, 3]) {
      expect(scene.endings).toEqual([]);
      scene.callMany(2);
      await peer.waitFor(({ connections }) => connections[id - 1]?.openStreams === 2);
      peer.connections[id - 1]?.stopReading();
      await scene.passUntil(() => scene.stateOf(id) === 'draining', 8_000);
    }
    await eventually(() => expect(scene.endings).toHaveLength(2));
    expect(scene.onFirst()).toMatchObject(Array(2).fill({ code: status.UNAVAILABLE }));
    expect(scene.onFirst()[0]?.details).toContain('maxDrainingChannels 2');
    expect(scene.onFirst()[0]?.explanation?.fault?.tag).toBe('stalled');
    expect(['closed', 'draining', 'draining']).toEqual([1, 2, 3].map((id) => scene.stateOf(id)));
    await scene.end();
  });

  it('while it drains for another, and then says GOAWAY below a call, has that call tried on the other', async () => {
    await using peer = await startScriptedPeer();
    const actions: PolicyAction[] = [];
    const policy = { name: 'test', review: () => ({ actions: actions.splice(0), nextReviewMs: 100 }) };
    const scene = new SilentPool(peer, { maxChannels: 1, policies: [policy] });
    const [cancelled] = [scene.callAndCancel(), scene.callMany(1)];
    await peer.waitFor(({ openStreams }) => openStreams === 2);
    actions.push({ kind: 'rotate', channelId: 1, reason: 'test' });
    await scene.passUntil(() => scene.stateOf(1) === 'draining', 1_000);
    expect(scene.pool.stats().lastFault).toBeUndefined();
    scene.first.stopReading();
    cancelled.cancel();
    await scene.passUntil(() => scene.pool.stats().lastFault?.tag === 'stalled', 8_000);
    scene.first.sendGoaway(0, 1);
    await peer.waitFor(({ connections }) => connections[1]?.openStreams === 1);
    peer.connections[1]?.respond(1, ANSWER);
    await eventually(() => expect(scene.endings.map(({ code }) => code)).toEqual([status.CANCELLED, status.OK]));
    await scene.end();
  });
});

describe.skipIf(inThreads)('a connection that falls silent right after it has answered a question', () => {
  it('is asked again, for the calls that were put on it before the answer came', async () => {
    let isAnswering = true;
    await using peer = await startScriptedPeer({
      onRequestEnd: (connection, id) => isAnswering && connection.respond(id, ANSWER),
    });
    const scene = new SilentPool(peer, { maxChannels: 1, silenceTimeoutMs: 10_000 });
    expect(await scene.call()).toMatchObject({ code: status.OK });
    scene.endings.length = 0;
    isAnswering = false;
    scene.callMany(1);
    await peer.waitFor(({ openStreams }) => openStreams === 1);
    // The answer to the question is on its way when the calls are put on the connection.
    let isAsked = false;
    scene.first.socket.on('data', () => {
      if (isAsked || scene.first.frames.at(-1)?.kind !== 'settings') return;
      isAsked = true;
      scene.first.stopReading();
      scene.callMany(2);
    });
    await scene.passUntil(() => isAsked, 3_000);
    await scene.passUntil(() => scene.onFirst().length === 3, 15_000);
    expect(scene.onFirst()).toMatchObject(
      Array(3).fill({ code: status.UNAVAILABLE, explanation: { fault: { tag: 'stalled' } } }),
    );
    await scene.end();
  });
});

describe('a connection in a thread that falls silent', () => {
  it('is replaced, and its calls end after silenceTimeoutMs', async () => {
    await using threads = threadChannelFactory({ threads: 1 });
    await using peer = await answeringPeer();
    const options = { maxChannels: 1, silenceTimeoutMs: 1_000, channelFactory: threads };
    const scene = await silence(peer, options, true);
    await Promise.all([scene.call(), scene.call()]);
    expect(scene.endings).toMatchObject(
      Array(2).fill({ code: status.UNAVAILABLE, explanation: { channelId: 1, fault: { tag: 'stalled' } } }),
    );
    expect(await scene.call()).toMatchObject({ code: status.OK });
    const destroyed = scene.pool.destroy();
    scene.first.resumeReading();
    await destroyed;
  });
});
