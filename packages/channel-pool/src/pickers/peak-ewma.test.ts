import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock, memberViews, seededRandom, type TestMember } from '@grpc-manifold/testing';
import { PeakEwmaPicker } from './peak-ewma.js';

describe('PeakEwmaPicker', () => {
  let clock: FakeClock;
  let picker: PeakEwmaPicker;

  beforeEach(() => {
    clock = new FakeClock();
    picker = new PeakEwmaPicker(clock, seededRandom(1));
  });

  /** Two idle members that were measured once. */
  function measured(...rttsMs: number[]): TestMember[] {
    const all = memberViews(...rttsMs.map(() => 0));
    rttsMs.forEach((rttMs, index) => picker.onCallEnd(all[index] as TestMember, { rttMs, ok: true }));
    return all;
  }

  /** Whom it picks of two, every time. */
  function pickOf(all: TestMember[]): number {
    const ids = new Set(Array.from({ length: 20 }, () => picker.pick(all)?.id as number));
    expect(ids.size).toBe(1);
    return [...ids][0] as number;
  }

  it('picks nobody when nobody has room, and the only one', () => {
    expect(picker.pick([])).toBeUndefined();
    expect(picker.pick(memberViews(7))?.id).toBe(1);
  });

  it('picks the faster one', () => {
    expect(pickOf(measured(10, 5))).toBe(2);
  });

  it('weighs the time by the streams and the one to come', () => {
    const all = measured(10, 31);
    (all[0] as TestMember).usedStreams = 2;
    expect(pickOf(all)).toBe(1);
    (all[0] as TestMember).usedStreams = 3;
    expect(pickOf(all)).toBe(2);
  });

  it('jumps to a worse time at once', () => {
    const all = measured(10, 20);
    expect(pickOf(all)).toBe(1);
    picker.onCallEnd(all[0] as TestMember, { rttMs: 500, ok: true });
    expect(pickOf(all)).toBe(2);
  });

  it('does not jump back to a better one', () => {
    const all = measured(500, 20);
    clock.advance(10);
    picker.onCallEnd(all[0] as TestMember, { rttMs: 1, ok: true });
    expect(pickOf(all)).toBe(2);
  });

  it('comes back to a better one in the course of 10 s', () => {
    const all = measured(500, 200);
    const good = (): void =>
      all.forEach((member, index) => picker.onCallEnd(member, { rttMs: [1, 200][index] as number, ok: true }));
    for (let second = 0; second < 9; second += 1) {
      clock.advance(1_000);
      good();
      expect(pickOf(all)).toBe(2);
    }
    clock.advance(1_000);
    good();
    expect(pickOf(all)).toBe(1);
  });

  it('forgets what it has not heard of for long, so that a slow one is tried again', () => {
    const all = measured(500, 20);
    const stay = (): void => picker.onCallEnd(all[1] as TestMember, { rttMs: 20, ok: true });
    // 500 ms fade to 20 ms × e^0 in 10 s × ln 25, which is 32.2 s.
    for (let second = 0; second < 32; second += 1) {
      clock.advance(1_000);
      stay();
      expect(pickOf(all)).toBe(2);
    }
    clock.advance(1_000);
    stay();
    expect(pickOf(all)).toBe(1);
  });

  it('does not take a member that fails at once for a fast one', () => {
    const all = measured(10, 900);
    expect(pickOf(all)).toBe(1);
    picker.onCallEnd(all[0] as TestMember, { rttMs: 0.1, ok: false });
    expect(pickOf(all)).toBe(2);
  });

  it('counts a failure that took long for as long as it took', () => {
    const all = measured(10, 1_500);
    picker.onCallEnd(all[0] as TestMember, { rttMs: 5_000, ok: false });
    expect(pickOf(all)).toBe(2);
  });

  it('tries a member that was never measured, and then takes it for as good as the others', () => {
    const [known, fresh] = [...measured(5), ...memberViews(0, 0).slice(1)] as [TestMember, TestMember];
    known.usedStreams = 1;
    expect(pickOf([known, fresh])).toBe(fresh.id);
    fresh.usedStreams = 1;
    known.usedStreams = 0;
    expect(pickOf([known, fresh])).toBe(known.id);
    known.usedStreams = 50;
    expect(pickOf([known, fresh])).toBe(fresh.id);
    picker.onCallEnd(fresh, { rttMs: 5, ok: true });
    expect(pickOf([known, fresh])).toBe(fresh.id);
  });

  it('takes the one with fewer streams of two that were never measured', () => {
    expect(pickOf(memberViews(3, 2))).toBe(2);
  });
});
