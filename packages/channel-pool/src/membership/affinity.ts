/** Keys remembered at the most; the one used longest ago is forgotten first. */
export const MAX_AFFINITY_KEYS = 10_000;

/**
 * Remembers which connection the calls of a key go to, while that lives. A key that is new, forgotten, or whose
 * connection is gone is bound anew, so that keys spread over the connections there are.
 */
export class Affinity<Member> {
  /** In the order of last use. */
  readonly #members = new Map<string, Member>();

  constructor(private readonly maxKeys = MAX_AFFINITY_KEYS) {}

  /** How many keys are remembered. */
  get size(): number {
    return this.#members.size;
  }

  /** The connection of a key, or undefined. */
  get(key: string): Member | undefined {
    const member = this.#members.get(key);
    if (member !== undefined) this.bind(key, member);
    return member;
  }

  /** Binds a key to a connection. */
  bind(key: string, member: Member): void {
    this.#members.delete(key);
    this.#members.set(key, member);
    if (this.#members.size <= this.maxKeys) return;
    const oldest = this.#members.keys().next();
    if (oldest.done !== true) this.#members.delete(oldest.value);
  }

  /** Forgets the keys of a connection that takes no more calls. */
  release(member: Member): void {
    for (const [key, bound] of this.#members) if (bound === member) this.#members.delete(key);
  }
}
