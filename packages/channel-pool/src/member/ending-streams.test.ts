import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '@grpc-manifold/testing';
import { EndingStreams, type EndingStream } from './ending-streams.js';
import { ResetBudget } from './reset-budget.js';
import { STALLED_AFTER_MS } from './silence.js';

/** A stream that records what is done with it. */
class ScriptedStream implements EndingStream {
  resetPlace: EndingStream['resetPlace'];
  resets = 0;
  waits = 0;
  /** What the connection had shown of life when the reset went out. */
  lifeAtReset = Infinity;
  endedByItself = false;

  constructor(private readonly life: () => number) {}

  reset(): void {
    this.resets += 1;
    this.lifeAtReset = this.life();
  }

  awaitReset(): void {
    this.waits += 1;
  }
}

function setUp(burst = 3, perSecond = 30) {
  const clock = new FakeClock();
  const seen = {
    life: 0,
    probes: 0,
    canBeAsked: true,
    hasRoom: true,
    rooms: 0,
    stalled: [] as number[],
    onRoom: (): void => undefined,
  };
  const streams: ScriptedStream[] = [];
  const endings = new EndingStreams(
    clock,
    new ResetBudget(clock.elapsed(), burst, perSecond),
    {
      lifeSigns: () => seen.life,
      hasRoom: () => seen.hasRoom,
      probe: () => {
        seen.probes += 1;
        return seen.canBeAsked;
      },
    },
    {
      onRoom: () => {
        seen.rooms += 1;
        seen.onRoom();
      },
      onStalled: (silentMs) => seen.stalled.push(silentMs),
    },
  );
  const end = (): ScriptedStream => {
    const stream = new ScriptedStream(() => seen.life);
    streams.push(stream);
    endings.end(stream);
    return stream;
  };
  /** Streams that take up room on the connection, for all that can be known. */
  const occupying = (): number =>
    streams.filter((stream) => !stream.endedByItself && stream.lifeAtReset >= seen.life).length;
  return { clock, seen, streams, endings, end, occupying };
}

describe('EndingStreams', () => {
  it('resets at once what the budget allows, and keeps it counted until the connection shows life', () => {
    const { clock, seen, endings, end } = setUp();
    const [first, second] = [end(), end()];
    expect([first.resets, second.resets, first.waits]).toEqual([1, 1, 0]);
    expect(endings.count).toBe(2);
    endings.review();
    expect([endings.count, seen.rooms]).toEqual([2, 0]);
    seen.life += 1;
    endings.review();
    expect([endings.count, seen.rooms]).toEqual([0, 1]);
    clock.advance(100);
    expect(clock.pendingTimers).toBe(0);
  });

  it('looks for life by itself', () => {
    const { clock, seen, endings, end } = setUp();
    end();
    clock.advance(19);
    seen.life += 1;
    expect(endings.count).toBe(1);
    clock.advance(1);
    expect([endings.count, seen.rooms, clock.pendingTimers]).toEqual([0, 1, 0]);
  });

  it('does not take what came before a reset for an answer to it', () => {
    const { seen, endings, end } = setUp();
    end();
    seen.life += 1;
    end();
    expect([endings.count, seen.rooms]).toEqual([1, 1]);
    endings.review();
    expect(endings.count).toBe(1);
  });

  it('paces what the budget does not allow, oldest first, and keeps it from flowing on', () => {
    const { clock, seen, endings, end } = setUp(2, 50);
    const streams = Array.from({ length: 6 }, () => end());
    const resets = (): string => streams.map((stream) => stream.resets).join('');
    expect(resets()).toBe('110000');
    expect(streams.map((stream) => stream.waits)).toEqual([0, 0, 1, 1, 1, 1]);
    expect(endings.count).toBe(6);
    clock.advance(20);
    expect(resets()).toBe('111000');
    seen.life += 1;
    clock.advance(40);
    expect(resets()).toBe('111110');
    expect(endings.count).toBe(3);
    seen.life += 1;
    clock.advance(20);
    expect(resets()).toBe('111111');
    seen.life += 1;
    clock.advance(20);
    expect([endings.count, clock.pendingTimers]).toEqual([0, 0]);
    expect(seen.stalled).toEqual([]);
  });

  it('gives back the room of a stream that ended by itself while it waited, and sends no reset for it', () => {
    const { clock, seen, endings, end } = setUp(1, 50);
    end();
    const waiting = end();
    expect(endings.ended(waiting)).toBe(true);
    expect([endings.count, seen.rooms]).toEqual([1, 1]);
    expect(endings.ended(waiting)).toBe(false);
    seen.life += 1;
    clock.advance(1_000);
    expect([waiting.resets, endings.count, clock.pendingTimers]).toEqual([0, 0, 0]);
  });

  it('does not take the end of a stream that it reset for a sign of life', () => {
    const { seen, endings, end } = setUp();
    const stream = end();
    expect(endings.ended(stream)).toBe(false);
    expect([endings.count, seen.rooms]).toEqual([1, 0]);
  });

  it('counts a stream until its reset is out, also while it tells of other room', () => {
    const { clock, seen, endings, end } = setUp(1, 30);
    end();
    end();
    // The budget has grown by one, and the next look at the connection is due in 5 ms only.
    clock.advance(35);
    seen.life += 1;
    const counts: number[] = [];
    seen.onRoom = () => counts.push(endings.count);
    end();
    // The first is gone; the second, whose reset is going out just now, is not, nor is the third.
    expect(counts).toEqual([2]);
  });

  describe('on a connection that has fallen silent', () => {
    it('asks for a sign of life, and after 2 s tells that it is stalled', () => {
      const { clock, seen, end } = setUp();
      end();
      clock.advance(STALLED_AFTER_MS - 1);
      expect(seen.probes).toBeGreaterThan(0);
      expect(seen.stalled).toEqual([]);
      clock.advance(1);
      expect(seen.stalled).toEqual([STALLED_AFTER_MS]);
      clock.advance(10_000);
      expect(seen.stalled).toEqual([STALLED_AFTER_MS]);
      expect(clock.pendingTimers).toBe(0);
    });

    it('sends on the resets that wait when it shows life after it was called stalled', () => {
      const { clock, seen, endings, streams, end } = setUp(3, 1);
      for (let stream = 0; stream < 20; stream += 1) end();
      clock.advance(STALLED_AFTER_MS);
      expect(seen.stalled).toHaveLength(1);
      expect(clock.pendingTimers).toBe(0);
      for (let second = 0; second < 20; second += 1) {
        seen.life += 1;
        endings.review();
        clock.advance(1_000);
      }
      expect(streams.filter((stream) => stream.resets === 1)).toHaveLength(20);
    });

    it('does not hold it against one that cannot be asked, until that stands in the way of calls', () => {
      const { clock, seen, endings, end } = setUp();
      seen.canBeAsked = false;
      end();
      clock.advance(5 * STALLED_AFTER_MS);
      expect(seen.stalled).toEqual([]);
      expect(endings.count).toBe(1);
      expect(clock.pendingTimers).toBe(1);
      seen.hasRoom = false;
      clock.advance(500);
      expect(seen.stalled).toHaveLength(1);
      expect(clock.pendingTimers).toBe(0);
    });

    it('does not call one stalled that is full and cannot be asked, before it was silent long enough', () => {
      const { clock, seen, end } = setUp();
      seen.canBeAsked = false;
      seen.hasRoom = false;
      end();
      clock.advance(STALLED_AFTER_MS - 1);
      expect(seen.stalled).toEqual([]);
      clock.advance(1);
      expect(seen.stalled).toEqual([STALLED_AFTER_MS]);
    });

    it('counts the silence from the first reset that had no answer, not from the last', () => {
      const { clock, seen, end } = setUp(800, 25);
      for (let ms = 0; ms < STALLED_AFTER_MS; ms += 100) {
        end();
        clock.advance(100);
      }
      expect(seen.stalled).toEqual([STALLED_AFTER_MS]);
    });

    it('counts anew after each sign of life', () => {
      const { clock, seen, end } = setUp(800, 25);
      end();
      clock.advance(1_900);
      seen.life += 1;
      end();
      clock.advance(STALLED_AFTER_MS - 20);
      expect(seen.stalled).toEqual([]);
      clock.advance(20);
      expect(seen.stalled).toEqual([STALLED_AFTER_MS]);
    });

    it('does not call it stalled while nothing but the budget is waited for', () => {
      const { clock, seen, endings, end } = setUp(1, 0);
      end();
      end();
      seen.life += 1;
      clock.advance(10_000);
      expect(endings.count).toBe(1);
      expect(seen.stalled).toEqual([]);
      expect(clock.pendingTimers).toBe(1);
    });

    it('still gives back the room when life returns', () => {
      const { clock, seen, endings, end } = setUp();
      end();
      clock.advance(5_000);
      seen.life += 1;
      endings.review();
      expect([endings.count, seen.rooms]).toEqual([0, 1]);
    });
  });

  describe('close', () => {
    it('resets whatever still waits, counts nothing and leaves no timer', () => {
      const { clock, endings, end } = setUp(2, 25);
      const streams = Array.from({ length: 6 }, () => end());
      endings.close();
      expect(streams.map((stream) => stream.resets)).toEqual([1, 1, 1, 1, 1, 1]);
      expect([endings.count, clock.pendingTimers]).toEqual([0, 0]);
    });

    it('may come with nothing to close, and twice', () => {
      const { clock, endings } = setUp();
      endings.close();
      endings.close();
      expect([endings.count, clock.pendingTimers]).toEqual([0, 0]);
    });
  });

  it('never holds the process', () => {
    const { clock, end } = setUp(1, 25);
    end();
    end();
    expect(clock.pendingTimers).toBe(1);
    expect(clock.refdTimers).toBe(0);
  });

  it('never gives room back before the stream is gone, nor keeps it after, whatever comes', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('end' as const) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('ended' as const), which: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('life' as const) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('life and review' as const) }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(120) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 5 }), (steps, burst) => {
        const { clock, seen, streams, endings, end, occupying } = setUp(burst, 30);
        const check = (): void => {
          expect(endings.count).toBeGreaterThanOrEqual(occupying());
          expect(streams.every((stream) => stream.resets <= 1 && stream.waits <= 1)).toBe(true);
        };
        seen.onRoom = check;
        for (const each of steps) {
          if (each.kind === 'end') end();
          else if (each.kind === 'advance') clock.advance(each.ms);
          else if (each.kind === 'ended') {
            const stream = streams[each.which % Math.max(streams.length, 1)];
            if (stream === undefined || stream.endedByItself) continue;
            const wasWaiting = stream.resets === 0;
            // Gone by itself at this moment; of one that was reset nothing can be known by it.
            if (wasWaiting) stream.endedByItself = true;
            expect(endings.ended(stream)).toBe(wasWaiting);
          } else {
            seen.life += 1;
            if (each.kind === 'life and review') endings.review();
          }
          check();
          expect(clock.refdTimers).toBe(0);
          expect(clock.pendingTimers).toBeLessThanOrEqual(1);
          if (endings.count > 0 && seen.stalled.length === 0) expect(clock.pendingTimers).toBe(1);
        }
        for (let turn = 0; turn < 80; turn += 1) {
          seen.life += 1;
          endings.review();
          if (seen.stalled.length === 0) clock.advance(40);
        }
        if (seen.stalled.length === 0) {
          expect(occupying()).toBe(0);
          expect(endings.count).toBe(0);
          expect(streams.every((stream) => stream.resets + Number(stream.endedByItself) === 1)).toBe(true);
        }
        endings.close();
        expect(endings.count).toBe(0);
        expect(clock.pendingTimers).toBe(0);
        expect(streams.every((stream) => stream.resets + Number(stream.endedByItself) === 1)).toBe(true);
      }),
      { seed: 20_260_106, numRuns: 500 },
    );
  });
});
