import type { PickerName } from '@grpc-manifold/channel-pool';
import type { CallInfo } from '@grpc-manifold/core';
import { FakeClock, memberViews, seededRandom, type TestMember } from '@grpc-manifold/testing';
import { mean, standardDeviation } from 'simple-statistics';
import { pickerOf } from './pool-inside.js';

/** Calls in flight for each connection, on average: each that ends is followed by another at once. */
const CALLS_PER_MEMBER = 4;
/** Milliseconds that a call takes on average. */
const MEAN_MS = 10;
/** How many times as long it takes on a slow connection. */
const SLOWNESS = 10;

/** How long calls take. */
export type ServiceTimes = 'equal' | 'exponential' | 'exponential, one slow';

/** How calls were spread over connections. */
export interface Spread {
  /** Coefficient of variation of the calls of each connection; without the slow one, where there is one. */
  readonly variation: number;
  /** Calls of the slow connection over the calls of another; undefined where none is slow. */
  readonly slowShare: number | undefined;
}

/** Puts calls on connections as a picker says, on a clock of its own: the same for the same seed. */
export function spread(name: PickerName, members: number, times: ServiceTimes, calls: number, seed: number): Spread {
  const clock = new FakeClock();
  const random = seededRandom(seed);
  const picker = pickerOf(name, clock, seededRandom(seed + 1_000_000));
  const all = memberViews(...Array<number>(members).fill(0));
  const counts = all.map(() => 0);
  let started = 0;
  const start = (): void => {
    if (started === calls) return;
    started += 1;
    const member = picker.pick(all, {} as CallInfo) as TestMember;
    member.usedStreams += 1;
    counts[member.id - 1] = (counts[member.id - 1] as number) + 1;
    const isSlow = times === 'exponential, one slow' && member.id === 1;
    const factor = times === 'equal' ? 1 : -Math.log(1 - random.next());
    const rttMs = MEAN_MS * factor * (isSlow ? SLOWNESS : 1);
    clock.setTimer(() => {
      member.usedStreams -= 1;
      picker.onCallEnd?.(member, { rttMs, ok: true });
      start();
    }, rttMs);
  };
  for (let call = 0; call < members * CALLS_PER_MEMBER; call++) start();
  while (clock.pendingTimers > 0) clock.advance(MEAN_MS);
  const alike = times === 'exponential, one slow' ? counts.slice(1) : counts;
  return {
    variation: standardDeviation(alike) / mean(alike),
    slowShare: times === 'exponential, one slow' ? (counts[0] as number) / mean(alike) : undefined,
  };
}
