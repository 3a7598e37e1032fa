import { describe, expect, it } from 'vitest';
import { RoundTrip, RoundTrips } from './round-trip.js';

/** An estimate that has seen these answers, over and over. */
function seen(...roundTripsMs: readonly number[]): RoundTrip {
  const roundTrip = new RoundTrip();
  for (let i = 0; i < 100; i++) for (const ms of roundTripsMs) roundTrip.add(ms, true);
  return roundTrip;
}

describe('the estimate of a round trip', () => {
  it('says nothing before the first answer', () => {
    const roundTrip = new RoundTrip();
    roundTrip.add(1_000, false);
    expect(roundTrip.mostMs).toBe(0);
  });

  it('is wide after one answer, and close to it when all are alike', () => {
    const roundTrip = new RoundTrip();
    roundTrip.add(10, true);
    expect(roundTrip.mostMs).toBe(30);
    expect(seen(10).mostMs).toBeCloseTo(10);
  });

  it('leaves room for answers that differ', () => {
    expect(seen(10, 30).mostMs).toBeGreaterThan(30);
  });

  it('learns from a call that was given up only when it had waited longer', () => {
    const roundTrip = seen(10);
    roundTrip.add(5, false);
    expect(roundTrip.mostMs).toBeCloseTo(10);
    roundTrip.add(50, false);
    expect(roundTrip.mostMs).toBeGreaterThan(50);
  });

  it('takes one answer that was late for no more than it is, when asked for the average', () => {
    const roundTrip = seen(20);
    roundTrip.add(100, true);
    expect(roundTrip.meanMs).toBeCloseTo(30);
    expect(roundTrip.mostMs).toBeGreaterThan(100);
  });

  it('is kept for each method', () => {
    const roundTrips = new RoundTrips();
    roundTrips.add('/slow', 1_000, true);
    roundTrips.add('/fast', 1, true);
    expect(roundTrips.mostMs('/slow')).toBe(3_000);
    expect(roundTrips.mostMs('/fast')).toBe(3);
    expect(roundTrips.mostMs('/other')).toBe(0);
    expect([roundTrips.meanMs('/slow'), roundTrips.meanMs('/other')]).toEqual([1_000, 0]);
  });

  it('is kept for no more than a thousand methods', () => {
    const roundTrips = new RoundTrips();
    for (let i = 0; i <= 1_000; i++) roundTrips.add(`/method-${i}`, 1, true);
    expect(roundTrips.mostMs('/method-999')).toBe(3);
    expect(roundTrips.mostMs('/method-1000')).toBe(0);
  });
});
