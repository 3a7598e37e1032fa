import { EventEmitter } from 'node:events';
import { propagate, status, type ServerUnaryCall } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { InterceptedScene, settled } from '@grpc-manifold/testing';
import { boundedQueue, type BoundedQueueInterceptor } from './bounded-queue.js';

const HOUR_MS = 3_600_000;
const STEPS_MS = [-HOUR_MS, HOUR_MS, 8 * HOUR_MS];

const scenes: InterceptedScene<BoundedQueueInterceptor>[] = [];

/** An interceptor whose one slot is taken. */
function setUpFull(): InterceptedScene<BoundedQueueInterceptor> {
  const scene = new InterceptedScene((environment) => boundedQueue({ limit: 1 }, environment));
  scenes.push(scene);
  scene.call();
  return scene;
}

afterEach(async () => {
  for (const { interceptor, below, clock } of scenes.splice(0)) {
    interceptor[Symbol.dispose]();
    for (const call of below.running) call.end();
    await settled();
    expect(clock.pendingTimers).toBe(0);
  }
});

describe.each(STEPS_MS)('when the wall clock is set by %d ms while a call is held', (stepMs) => {
  it('the call ends at its deadline, not before and not after it', async () => {
    const { call, clock } = setUpFull();
    const held = call({ deadline: clock.now() + 1_000 });
    clock.advance(300);
    clock.stepWallClock(stepMs);
    clock.advance(699);
    await settled();
    expect(held.statuses).toEqual([]);
    clock.advance(1);
    await settled();
    expect(held.code).toBe('DEADLINE_EXCEEDED');
  });

  it('what is below gets a deadline that leaves the time which is left', () => {
    const { below, call, clock } = setUpFull();
    call({ deadline: clock.now() + 1_000 });
    clock.advance(400);
    clock.stepWallClock(stepMs);
    below.calls[0]?.end();
    expect(Number(below.calls[1]?.options.deadline) - clock.now()).toBe(600);
  });

  it('the deadline of a parent, which is part of it, is not read again', () => {
    const { below, call, clock } = setUpFull();
    const parent = Object.assign(new EventEmitter(), { cancelled: false, getDeadline: () => 1_000_500 });
    call({ parent: parent as unknown as ServerUnaryCall<unknown, unknown> });
    clock.advance(40);
    clock.stepWallClock(stepMs);
    below.calls[0]?.end();
    const { deadline, parent: passedOn, propagate_flags: flags } = below.calls[1]?.options ?? {};
    expect([Number(deadline) - clock.now(), passedOn]).toEqual([460, parent]);
    expect([(flags ?? 0) & propagate.DEADLINE, (flags ?? 0) & propagate.CANCELLATION]).toEqual([
      0,
      propagate.CANCELLATION,
    ]);
  });
});

it('passes on the options as they were given when the wall clock was not set', () => {
  const { below, call, clock } = setUpFull();
  const deadline = new Date(clock.now() + 1_000);
  call({ deadline });
  clock.advance(400);
  below.calls[0]?.end();
  expect(below.calls[1]?.options.deadline).toBe(deadline);
});

it.each([
  ['an invalid Date', new Date(NaN)],
  ['not a number', NaN],
])('a call whose deadline is %s ends at once, and what is below hears nothing of it', async (_what, deadline) => {
  const { below, call } = setUpFull();
  const ended = call({ deadline });
  await settled();
  expect(ended.code).toBe('DEADLINE_EXCEEDED');
  expect(below.calls).toHaveLength(1);
});

it('no jump of the wall clock moves the ending of a held call', async () => {
  const step = fc.record({
    ms: fc.integer({ min: 1, max: 300 }),
    jumpMs: fc.integer({ min: -8 * HOUR_MS, max: 8 * HOUR_MS }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (run) => {
      const play = async (jumps: boolean): Promise<string[]> => {
        const { clock, create } = setUpFull();
        const ends: string[] = [];
        for (const { ms, jumpMs } of run) {
          if (jumps) clock.stepWallClock(jumpMs);
          create({ deadline: clock.now() + 3 * ms }).start(undefined, ({ code }) =>
            ends.push(`${status[code]} at ${clock.elapsed()}`),
          );
          clock.advance(ms);
          await settled();
        }
        clock.advance(1_000);
        await settled();
        return ends;
      };
      expect(await play(true)).toEqual(await play(false));
    }),
    { seed: 20_260_412, numRuns: 60 },
  );
});
