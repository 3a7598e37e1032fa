import { FakeClock } from '@grpc-manifold/testing';
import { expect, it } from 'vitest';
import { Opener, type Purpose } from './opener.js';

/** A pool that has reasons to open connections, and attempts that end when a test says so. */
class Scene {
  readonly clock = new FakeClock();
  readonly begun: string[] = [];
  readonly reasons: Record<Purpose, string | undefined> = { growth: 'load', rotation: 'old' };
  readonly permits: ((isGiven: boolean) => void)[] = [];
  needsPermits = false;
  idle = 0;
  opensAtOnce = false;
  readonly #ends: (() => void)[] = [];
  readonly opener = new Opener(this.clock, {
    reasonFor: (purpose) => this.reasons[purpose],
    beforeOpening: () => (this.needsPermits ? new Promise((resolve) => this.permits.push(resolve)) : undefined),
    open: (purpose, reason) => {
      this.begun.push(`${purpose}: ${reason}`);
      return this.opensAtOnce ? undefined : new Promise((end) => this.#ends.push(end));
    },
    onIdle: () => (this.idle += 1),
  });

  async endAttempt(): Promise<void> {
    this.#ends.shift()?.();
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let tick = 0; tick < 20; tick += 1) await Promise.resolve();
}

it('begins an attempt in the tick in which it is requested', () => {
  const { opener, begun } = new Scene();
  opener.request('growth');
  expect(begun).toEqual(['growth: load']);
  expect(opener.isBusy).toBe(true);
});

it('begins one attempt after another, and tells when none is left', async () => {
  const scene = new Scene();
  scene.opener.request('growth');
  scene.opener.request('growth');
  expect(scene.begun).toHaveLength(1);
  await scene.endAttempt();
  expect(scene.begun).toHaveLength(2);
  expect(scene.idle).toBe(0);
  await scene.endAttempt();
  expect(scene.idle).toBe(1);
  expect(scene.opener.isBusy).toBe(false);
});

it('opens for growth before it opens for a rotation that was requested earlier', async () => {
  const scene = new Scene();
  scene.opener.request('growth');
  scene.opener.request('rotation');
  scene.opener.request('growth');
  await scene.endAttempt();
  await scene.endAttempt();
  expect(scene.begun).toEqual(['growth: load', 'growth: load', 'rotation: old']);
});

it('keeps one waiting request of each purpose at the most', async () => {
  const scene = new Scene();
  for (let request = 0; request < 100; request += 1) scene.opener.request('growth');
  expect(scene.opener.isWaiting('growth')).toBe(true);
  for (let attempt = 0; attempt < 10; attempt += 1) await scene.endAttempt();
  expect(scene.begun).toHaveLength(2);
});

it('opens nothing when the reason is gone when its turn has come', async () => {
  const scene = new Scene();
  scene.opener.request('growth');
  scene.opener.request('rotation');
  scene.reasons.rotation = undefined;
  await scene.endAttempt();
  expect(scene.begun).toEqual(['growth: load']);
  expect(scene.idle).toBe(1);
});

it('waits for a permit, and opens nothing when the reason is gone by then', async () => {
  const scene = new Scene();
  scene.needsPermits = true;
  scene.opener.request('growth');
  expect(scene.begun).toEqual([]);
  scene.reasons.growth = undefined;
  scene.permits[0]?.(true);
  await settled();
  expect(scene.begun).toEqual([]);
  expect(scene.opener.isBusy).toBe(false);
});

it('asks for another permit when one was not given', async () => {
  const scene = new Scene();
  scene.needsPermits = true;
  scene.opener.request('growth');
  scene.permits[0]?.(false);
  await settled();
  scene.permits[1]?.(true);
  await settled();
  expect(scene.begun).toEqual(['growth: load']);
});

it('keeps one waiting request of each purpose also while permits are refused', async () => {
  const scene = new Scene();
  scene.needsPermits = true;
  scene.opener.request('growth');
  for (let round = 0; round < 10; round += 1) {
    scene.opener.request('growth');
    scene.permits[round]?.(false);
    await settled();
  }
  scene.needsPermits = false;
  scene.permits[10]?.(true);
  await settled();
  for (let attempt = 0; attempt < 10; attempt += 1) await scene.endAttempt();
  expect(scene.begun).toHaveLength(2);
});

it('begins at most 2,000 attempts a second, and goes on after that', async () => {
  const scene = new Scene();
  scene.opensAtOnce = true;
  for (let attempt = 0; attempt < 2_001; attempt += 1) {
    scene.opener.request('growth');
    await settled();
  }
  expect(scene.begun).toHaveLength(2_000);
  scene.clock.advance(999);
  await settled();
  expect(scene.begun).toHaveLength(2_000);
  scene.clock.advance(1);
  await settled();
  expect(scene.begun).toHaveLength(2_001);
});

it('begins nothing once it is closed, and leaves no timer', async () => {
  const scene = new Scene();
  scene.opener.request('growth');
  scene.opener.request('rotation');
  scene.opener.close();
  await scene.endAttempt();
  scene.opener.request('growth');
  expect(scene.begun).toHaveLength(1);
  expect(scene.clock.pendingTimers).toBe(0);
});
