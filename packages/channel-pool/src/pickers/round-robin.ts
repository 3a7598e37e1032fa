import type { MemberView, Picker } from './picker.js';

/** Picks the connections in turn, whatever they carry. For calls that are all alike. */
export class RoundRobinPicker implements Picker {
  #next = 0;

  pick(members: readonly MemberView[]): MemberView | undefined {
    if (members.length === 0) return undefined;
    if (this.#next >= members.length) this.#next = 0;
    const member = members[this.#next];
    this.#next += 1;
    return member;
  }
}
