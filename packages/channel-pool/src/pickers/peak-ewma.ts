import type { Clock, Random } from '@grpc-manifold/core/internal';
import type { MemberView, Picker, PickOutcome } from './picker.js';
import { lesserOfTwo } from './two-choices.js';

/** Milliseconds in which an old measurement loses all but 1/e of its weight. */
const DECAY_MS = 10_000;
/** What a failed call counts as at the least: one that fails at once must not look fast. */
const FAILURE_MS = 1_000;

/** Share of one call in the average over all. */
const OVERALL_WEIGHT = 0.1;

interface Cost {
  ewmaMs: number;
  atMs: number;
  /** {@link commonLog} of it. */
  log: number;
}

/**
 * The logarithm of a time that fades, ln(ms × e^((at − now) / decay)), without the term of the present, which all have
 * in common: two can be compared without asking for the time, and that costs as much as all the rest of a pick.
 */
function commonLog(ms: number, atMs: number): number {
  return Math.log(ms) + atMs / DECAY_MS;
}

/**
 * Draws two connections at random and picks the cheaper one, the cost being the time to the first answer × (streams +
 * 1). The average jumps to a worse time at once and comes back slowly, as Finagle's peak EWMA does: a connection that
 * has become slow is left alone after one call, and tried again as the memory of it fades.
 */
export class PeakEwmaPicker implements Picker {
  /** Forgotten with the member itself. */
  readonly #costs = new WeakMap<MemberView, Cost>();
  /** Average over all connections. */
  #overallMs: number | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
  ) {}

  pick(members: readonly MemberView[]): MemberView | undefined {
    return lesserOfTwo(members, this.random, this.#load);
  }

  onCallEnd(member: MemberView, { rttMs, ok }: PickOutcome): void {
    const nowMs = this.clock.elapsed();
    const sampleMs = ok ? rttMs : Math.max(rttMs, FAILURE_MS);
    const overallMs = (this.#overallMs ??= sampleMs);
    this.#overallMs += (sampleMs - overallMs) * OVERALL_WEIGHT;
    const cost = this.#costs.get(member);
    if (cost === undefined) {
      this.#costs.set(member, { ewmaMs: sampleMs, atMs: nowMs, log: commonLog(sampleMs, nowMs) });
      return;
    }
    const weight = Math.exp((cost.atMs - nowMs) / DECAY_MS);
    cost.ewmaMs = sampleMs > cost.ewmaMs ? sampleMs : cost.ewmaMs * weight + sampleMs * (1 - weight);
    cost.atMs = nowMs;
    cost.log = commonLog(cost.ewmaMs, nowMs);
  }

  readonly #load = (member: MemberView): number => {
    const { usedStreams } = member;
    const log = this.#costs.get(member)?.log;
    if (log !== undefined) return log + Math.log(usedStreams + 1);
    // Not measured yet: worth a try, and then as good as the others are on the whole.
    if (usedStreams === 0) return -Infinity;
    return commonLog(this.#overallMs ?? 1, this.clock.elapsed()) + Math.log(usedStreams + 1);
  };
}
