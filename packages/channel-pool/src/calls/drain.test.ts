import { ListNode } from '@grpc-manifold/core/internal';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '@grpc-manifold/testing';
import { CallSet } from './call-set.js';
import { Drain } from './drain.js';

function setUp(timeoutMs: number, ...open: string[]) {
  const clock = new FakeClock();
  const calls = new CallSet<string>();
  const places = new Map(open.map((call) => [call, new ListNode<string>()]));
  for (const [call, place] of places) calls.add(place, call);
  const end = (call: string): void => calls.delete(places.get(call) as ListNode<string>);
  const drain = new Drain(clock, calls, timeoutMs);
  const seen = { over: false };
  const done = drain.done().then(() => (seen.over = true));
  return { clock, calls, end, drain, seen, done };
}

describe('Drain', () => {
  it('is over at once when there is no call', async () => {
    const { clock, done } = setUp(1_000);
    await done;
    expect(clock.pendingTimers).toBe(0);
  });

  it('is over when the last call has ended, and holds the process until then', async () => {
    const { clock, end, seen, done } = setUp(1_000, 'a', 'b');
    expect(clock.refdTimers).toBe(1);
    end('a');
    await setImmediate();
    expect(seen.over).toBe(false);
    end('b');
    await done;
    expect(clock.pendingTimers).toBe(0);
  });

  it('is over when its time is up', async () => {
    const { clock, calls, seen, done } = setUp(1_000, 'a');
    clock.advance(999);
    await setImmediate();
    expect(seen.over).toBe(false);
    clock.advance(1);
    await done;
    expect([calls.size, clock.pendingTimers]).toEqual([1, 0]);
  });

  it('is over when it is hurried', async () => {
    const { clock, drain, done } = setUp(1_000, 'a');
    drain.hurry();
    drain.hurry();
    await done;
    expect(clock.pendingTimers).toBe(0);
  });

  it('may have no end but that of its calls', async () => {
    const { clock, end, seen, done } = setUp(Infinity, 'a');
    expect(clock.pendingTimers).toBe(0);
    clock.advance(1e12);
    await setImmediate();
    expect(seen.over).toBe(false);
    end('a');
    await done;
  });
});
