/** What a picker sees of a connection. */
export interface MemberView {
  /** Counts up from 1 within the pool. */
  readonly id: number;
  /** Streams that take up room on the connection: calls in flight, and calls whose end it has not confirmed yet. */
  readonly usedStreams: number;
}

/**
 * Picks the connection with the fewest streams among those that are ready and have room. Ties go round, so that a
 * light load is spread as well.
 */
export class LeastStreamsPicker {
  #turn = 0;

  /** Never blocks; undefined only when nobody has room. */
  pick<Member extends MemberView>(available: readonly Member[]): Member | undefined {
    const count = available.length;
    if (count === 0) return undefined;
    this.#turn = this.#turn + 1 < count ? this.#turn + 1 : 0;
    let best = available[this.#turn] as Member;
    for (let step = 1, index = this.#turn; step < count && best.usedStreams > 0; step += 1) {
      index = index + 1 < count ? index + 1 : 0;
      const member = available[index] as Member;
      if (member.usedStreams < best.usedStreams) best = member;
    }
    return best;
  }
}
