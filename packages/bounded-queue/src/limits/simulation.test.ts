import {
  FakeClock,
  ModelClient,
  ModelServer,
  seededRandom,
  type ModelClientOptions,
  type ModelSecond,
  type ModelServerOptions,
} from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { aimdLimit, gradientLimit, vegasLimit, type ConcurrencyLimit } from './index.js';

// All times are of the model: they come out the same on any machine.

/** Each does 2,000 calls a second. */
const SERVERS: Record<string, () => ModelServerOptions> = {
  'one worker, 0.5 ms': () => ({ workers: 1, serviceMs: () => 0.5 }),
  'ten workers, 5 ms': () => ({ workers: 10, serviceMs: () => 5, transitMs: 1 }),
  'eleven workers, 1 to 10 ms': () => ({ workers: 11, serviceMs: evenMs(1, 10), transitMs: 1 }),
};

function evenMs(from: number, to: number): () => number {
  const chance = seededRandom(3);
  return () => from + (to - from) * chance.next();
}

function exponentialMs(meanMs: number): () => number {
  const chance = seededRandom(3);
  return () => -meanMs * Math.log(1 - chance.next());
}

/** Long-tailed: the logarithm is normal with deviation 1. */
function longTailedMs(meanMs: number): () => number {
  const chance = seededRandom(3);
  return () => {
    const normal = Math.sqrt(-2 * Math.log(1 - chance.next())) * Math.cos(2 * Math.PI * chance.next());
    return meanMs * Math.exp(normal - 0.5);
  };
}

class Scene {
  readonly #clock = new FakeClock();
  readonly server: ModelServer;
  readonly client: ModelClient;

  constructor(
    limit: ConcurrencyLimit,
    server: ModelServerOptions,
    callsPerSecond: number,
    client: Partial<ModelClientOptions> = {},
  ) {
    this.server = new ModelServer(this.#clock, server);
    this.client = new ModelClient(this.#clock, seededRandom(1), this.server, { limit, callsPerSecond, ...client });
  }

  /** Lets so many seconds go by and tells of each. */
  seconds(count: number): ModelSecond[] {
    const from = Math.round(this.#clock.elapsed() / 1_000);
    this.#clock.advance(count * 1_000);
    return this.client.seconds.slice(from, from + count);
  }
}

const mean = (seconds: readonly ModelSecond[], key: 'good' | 'late'): number =>
  seconds.reduce((sum, second) => sum + second[key], 0) / seconds.length;
const p99 = (seconds: readonly ModelSecond[]): number => {
  const took = seconds.flatMap((second) => second.tookMs).sort((a, b) => a - b);
  return took[Math.floor(took.length * 0.99)] ?? NaN;
};
const highest = (seconds: readonly ModelSecond[]): number => Math.max(...seconds.map((s) => s.highestLimit));
const lowest = (seconds: readonly ModelSecond[]): number => Math.min(...seconds.map((s) => s.lowestLimit));

interface Subject {
  readonly make: () => ConcurrencyLimit;
  /** Least goodput of a capacity of 2,000 that does not change. */
  readonly goodput: number;
  /** Least goodput of 2,000 where round trips vary exponentially, and where they have a long tail. */
  readonly noisy: readonly [number, number];
  /** Highest that the limit may go where ten calls at once are enough. */
  readonly highest: number;
}

const LIMITS: Record<string, Subject> = {
  gradientLimit: { make: () => gradientLimit(), goodput: 1_950, noisy: [1_900, 1_800], highest: 50 },
  // Keeps so short a queue that the server runs dry where round trips have a long tail.
  vegasLimit: { make: () => vegasLimit(), goodput: 1_930, noisy: [1_850, 1_400], highest: 50 },
  // Knows nothing of queues: grows until calls are late, 200 ms after they were sent at the earliest.
  aimdLimit: { make: () => aimdLimit(), goodput: 1_950, noisy: [1_900, 1_800], highest: 500 },
};

describe.each(Object.entries(LIMITS))('%s before a server that does 2,000 calls a second', (_name, subject) => {
  describe.each(Object.entries(SERVERS))('of %s', (_server, options) => {
    it.each([3_000, 6_000])('has nearly all of them answered in time when %d are offered', (offered) => {
      const scene = new Scene(subject.make(), options(), offered);
      const seconds = scene.seconds(20);
      expect(mean(seconds, 'good')).toBeGreaterThan(subject.goodput);
      expect(p99(seconds)).toBeLessThan(250);
      expect(highest(seconds)).toBeLessThan(subject.highest);
    });

    it.each(['slows down', 'loses workers'])(
      'finds the new capacity when the server %s, and the old one again',
      (how) => {
        const scene = new Scene(subject.make(), options(), 3_000);
        scene.seconds(10);
        const before = scene.server.workers;
        if (how === 'slows down') scene.server.slowdown = 4;
        else scene.server.workers = Math.max(1, Math.round(before / 4));
        const capacity = how === 'slows down' ? 500 : (2_000 * scene.server.workers) / before;
        expect(mean(scene.seconds(15).slice(5), 'good')).toBeGreaterThan(capacity * 0.85);
        scene.server.slowdown = 1;
        scene.server.workers = before;
        expect(mean(scene.seconds(15).slice(5), 'good')).toBeGreaterThan(2_000 * 0.9);
      },
    );
  });

  it('does not take noise for queues', () => {
    const exponential = new Scene(subject.make(), { workers: 10, serviceMs: exponentialMs(5), transitMs: 1 }, 3_000);
    expect(mean(exponential.seconds(30), 'good')).toBeGreaterThan(subject.noisy[0]);
    const longTailed = new Scene(subject.make(), { workers: 20, serviceMs: longTailedMs(10) }, 3_000);
    expect(mean(longTailed.seconds(30), 'good')).toBeGreaterThan(subject.noisy[1]);
  });

  it('follows a slow ramp down and up', () => {
    const scene = new Scene(subject.make(), { workers: 10, serviceMs: () => 5, transitMs: 1 }, 3_000);
    scene.seconds(5);
    const shares: number[] = [];
    for (let step = 0; step <= 60; step += 1) {
      // From 2,000 to 500 in half a minute, and back.
      const capacity = 2_000 - 1_500 * (1 - Math.abs(step - 30) / 30);
      scene.server.slowdown = 2_000 / capacity;
      shares.push(mean(scene.seconds(1), 'good') / capacity);
    }
    expect(shares.reduce((sum, share) => sum + share, 0) / shares.length).toBeGreaterThan(0.9);
  });

  it('never leaves its ground while it is not used', () => {
    const limit = subject.make();
    const scene = new Scene(limit, { workers: 100, serviceMs: () => 5 }, 100);
    const seconds = scene.seconds(30);
    expect(limit.current).toBe(20);
    expect(mean(seconds, 'late')).toBe(0);
  });

  it('lives with one call in a hundred failing', () => {
    const scene = new Scene(subject.make(), { workers: 10, serviceMs: () => 5, transitMs: 1 }, 3_000, {
      failureRatio: 0.01,
    });
    expect(mean(scene.seconds(20), 'good')).toBeGreaterThan(1_850);
  });
});

describe.each([
  ['gradientLimit', gradientLimit],
  ['vegasLimit', vegasLimit],
])('%s under load that never lets up', (_name, make) => {
  it.each(Object.entries(SERVERS))('stays where it is for ten minutes: %s', (_server, options) => {
    const scene = new Scene(make(), options(), 3_000);
    scene.seconds(10);
    const first = scene.seconds(60);
    scene.seconds(8 * 60);
    const last = scene.seconds(60);
    // No drift: the last minute is as the first.
    expect(highest(last)).toBeLessThan(highest(first) * 1.3);
    expect(lowest(last)).toBeGreaterThan(lowest(first) * 0.7);
    expect(highest(last)).toBeLessThan(50);
    expect(mean(last, 'good')).toBeGreaterThan(1_930);
  });

  it('grows to what a server far away needs', () => {
    const scene = new Scene(make(), { workers: 200, serviceMs: () => 100, transitMs: 2 }, 3_000);
    scene.seconds(5);
    const seconds = scene.seconds(60);
    expect(mean(seconds, 'good')).toBeGreaterThan(1_900);
    expect(highest(seconds)).toBeLessThan(400);
  });
});
