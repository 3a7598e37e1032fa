import type { MemberView, Picker } from './picker.js';

/** Connections that are compared for one pick. */
const MAX_COMPARED = 16;

/**
 * Picks the connection with the fewest streams. Ties go round, so that a light load is spread as well. Exact for up to
 * 16 connections; of more it compares 16, others each time, so that a pick costs the same for any number.
 */
export class LeastStreamsPicker implements Picker {
  #turn = 0;

  pick(members: readonly MemberView[]): MemberView | undefined {
    const count = members.length;
    if (count === 0) return undefined;
    this.#turn = this.#turn + 1 < count ? this.#turn + 1 : 0;
    let best = members[this.#turn] as MemberView;
    let fewest = best.usedStreams;
    const compared = count < MAX_COMPARED ? count : MAX_COMPARED;
    for (let step = 1, index = this.#turn; step < compared && fewest > 0; step += 1) {
      index = index + 1 < count ? index + 1 : 0;
      const member = members[index] as MemberView;
      const used = member.usedStreams;
      if (used < fewest) {
        best = member;
        fewest = used;
      }
    }
    return best;
  }
}
