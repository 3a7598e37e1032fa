import { BUCKETS } from './judge.js';

/** Members that are told apart in a part of the window; a pool has dozens. */
const MAX_MEMBERS = 1_000;

interface Tally {
  calls: number;
  bad: number;
}

/**
 * Counts calls by the connection of the pool that carried them, over the same window as a judge, to tell a server that
 * fails from one connection that does.
 */
export class MemberCalls {
  #buckets: (Map<number, Tally> | undefined)[] = new Array<undefined>(BUCKETS).fill(undefined);
  #newest = 0;
  /** Bad calls that no member carried, by bucket. */
  readonly #elsewhere = new Array<number>(BUCKETS).fill(0);

  /** @param channelId undefined where no pool tells. */
  record(channelId: number | undefined, isBad: boolean): void {
    if (channelId === undefined) {
      if (isBad) (this.#elsewhere[this.#newest] as number) += 1;
      return;
    }
    const bucket = (this.#buckets[this.#newest] ??= new Map<number, Tally>());
    let tally = bucket.get(channelId);
    if (tally === undefined) {
      if (bucket.size >= MAX_MEMBERS) return;
      tally = { calls: 0, bad: 0 };
      bucket.set(channelId, tally);
    }
    tally.calls += 1;
    if (isBad) tally.bad += 1;
  }

  /** A part of the window has passed. */
  rotate(): void {
    this.#newest = (this.#newest + 1) % BUCKETS;
    this.#buckets[this.#newest] = undefined;
    this.#elsewhere[this.#newest] = 0;
  }

  /** True when other members carried calls, and without the worst one the share of bad calls is below the threshold. */
  isOneMembers(thresholdRatio: number): boolean {
    const others: Tally = { calls: 0, bad: 0 };
    let worst: Tally | undefined;
    for (const tally of this.#members().values()) {
      others.calls += tally.calls;
      others.bad += tally.bad;
      if (worst === undefined || tally.bad > worst.bad) worst = tally;
    }
    if (worst === undefined) return false;
    const elsewhere = this.#elsewhere.reduce((sum, bad) => sum + bad, 0);
    const calls = others.calls - worst.calls + elsewhere;
    const bad = others.bad - worst.bad + elsewhere;
    return calls > 0 && bad < calls * thresholdRatio;
  }

  #members(): Map<number, Tally> {
    const members = new Map<number, Tally>();
    for (const bucket of this.#buckets) {
      for (const [channelId, { calls, bad }] of bucket ?? []) {
        const before = members.get(channelId);
        members.set(channelId, { calls: calls + (before?.calls ?? 0), bad: bad + (before?.bad ?? 0) });
      }
    }
    return members;
  }
}
