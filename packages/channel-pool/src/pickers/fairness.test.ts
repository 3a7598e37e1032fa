import { describe, expect, it } from 'vitest';
import type { CallInfo } from '@grpc-manifold/core';
import { FakeClock, memberViews, seededRandom, type TestMember } from '@grpc-manifold/testing';
import { pickerOf, PICKER_NAMES, type PickerName } from './index.js';

const MEMBERS = 8;
const AT_ONCE = 64;
const CALLS = 20_000;

/** Picks for 64 calls at once of 1 to 20 ms each, and tells how many calls each member got. */
function run(name: PickerName): number[] {
  const clock = new FakeClock();
  const random = seededRandom(7);
  const picker = pickerOf(name, clock, random);
  const all = memberViews(...Array<number>(MEMBERS).fill(0));
  const counts = all.map(() => 0);
  let started = 0;
  const start = (): void => {
    if (started === CALLS) return;
    started += 1;
    const member = picker.pick(all, {} as CallInfo) as TestMember;
    member.usedStreams += 1;
    counts[member.id - 1] = (counts[member.id - 1] as number) + 1;
    const rttMs = 1 + 19 * random.next();
    clock.setTimer(() => {
      member.usedStreams -= 1;
      picker.onCallEnd?.(member, { rttMs, ok: true });
      start();
    }, rttMs);
  };
  for (let call = 0; call < AT_ONCE; call += 1) start();
  while (clock.pendingTimers > 0) clock.advance(100);
  return counts;
}

function coefficientOfVariation(counts: readonly number[]): number {
  const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const variance = counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length;
  return Math.sqrt(variance) / mean;
}

describe('the spread of calls over members that are alike', () => {
  const BOUNDS: Record<PickerName, number> = {
    'least-streams': 0.01,
    'power-of-two': 0.02,
    'round-robin': 0,
    'peak-ewma': 0.05,
  };

  it.each(PICKER_NAMES)('by %s is even', (name) => {
    const counts = run(name);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(CALLS);
    expect(coefficientOfVariation(counts)).toBeLessThanOrEqual(BOUNDS[name]);
  });

  it.each(PICKER_NAMES)('by %s is the same for the same seed', (name) => {
    expect(run(name)).toEqual(run(name));
  });
});
