import { describe, expect, it } from 'vitest';
import { collectGarbage, FakeClock } from '@grpc-manifold/testing';
import { beatOf, ProcessBeat, type BeatListener } from './process-beat.js';

/** Remembers the standstills that it was told of. */
class Listener implements BeatListener {
  readonly standstills: number[] = [];

  onStandstill(ms: number): void {
    this.standstills.push(ms);
  }
}

describe('the beat of a process', () => {
  it('is one timer that holds nothing, and runs only while somebody listens', () => {
    const clock = new FakeClock();
    const beat = new ProcessBeat(clock);
    const places = [new Listener(), new Listener()].map((listener) => beat.join(listener));
    expect([clock.pendingTimers, clock.refdTimers]).toEqual([1, 0]);
    clock.advance(10_000);
    expect(clock.pendingTimers).toBe(1);
    for (const place of places) beat.leave(place);
    expect(clock.pendingTimers).toBe(0);
  });

  it('tells nothing of a process that runs', () => {
    const clock = new FakeClock();
    const beat = new ProcessBeat(clock);
    const listener = new Listener();
    beat.join(listener);
    clock.advance(3_600_000);
    clock.stop(3_900);
    clock.stepWallClock(-3_900);
    clock.advance(1_000);
    expect(listener.standstills).toEqual([]);
  });

  it('tells everybody once of a process that was stopped, when the overdue beat comes', () => {
    const clock = new FakeClock();
    const beat = new ProcessBeat(clock);
    const listeners = [new Listener(), new Listener()];
    for (const listener of listeners) beat.join(listener);
    clock.stop(20_000);
    clock.advance(0);
    clock.advance(5_000);
    expect(listeners.map(({ standstills }) => standstills)).toEqual([[20_000], [20_000]]);
  });

  it('tells of it before that to whoever looks, and then not again', () => {
    const clock = new FakeClock();
    const beat = new ProcessBeat(clock);
    const listener = new Listener();
    beat.join(listener);
    clock.stop(20_000);
    beat.look();
    beat.look();
    clock.advance(1_000);
    expect(listener.standstills).toEqual([20_000]);
  });

  it('tells of a wall clock that went on alone', () => {
    const clock = new FakeClock();
    const beat = new ProcessBeat(clock);
    const listener = new Listener();
    beat.join(listener);
    clock.stepWallClock(8 * 3_600_000);
    clock.advance(1_000);
    expect(listener.standstills).toEqual([8 * 3_600_000]);
  });

  it('knows nothing of the time in which nobody listened', () => {
    const clock = new FakeClock();
    const beat = new ProcessBeat(clock);
    beat.leave(beat.join(new Listener()));
    clock.advance(60_000);
    beat.look();
    const listener = new Listener();
    beat.join(listener);
    beat.look();
    clock.advance(1_000);
    expect(listener.standstills).toEqual([]);
  });

  it('lets listeners that nobody references be collected, and ends with the last', async () => {
    const clock = new FakeClock();
    const beat = new ProcessBeat(clock);
    const join = (): WeakRef<BeatListener> => beat.join(new Listener());
    const places = [join(), join()];
    // To look at one before it is collected would keep it for that turn.
    await collectGarbage(() => false, 4);
    expect(places.map((place) => place.deref())).toEqual([undefined, undefined]);
    clock.advance(1_000);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is one for all that go by the same clock', () => {
    const [clock, other] = [new FakeClock(), new FakeClock()];
    expect(beatOf(clock)).toBe(beatOf(clock));
    expect(beatOf(other)).not.toBe(beatOf(clock));
  });
});
