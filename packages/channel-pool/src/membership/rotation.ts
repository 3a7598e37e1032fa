import type { PooledChannel } from '../member/pooled-channel.js';
import type { Draining } from './draining.js';
import type { Roster } from './roster.js';

const LOW_ON_RESETS = 'its resets are nearly used up';

/** Members that are to be replaced: another is made ready first, then one of them drains. One at a time. */
export class Rotation {
  /** The members, and why. */
  readonly #due = new Map<PooledChannel, string>();

  constructor(
    private readonly roster: Roster,
    private readonly draining: Draining,
  ) {}

  /** A member is to be replaced. False when it is known already, or not there to be replaced. */
  add(member: PooledChannel, reason: string): boolean {
    if (!member.isLive || this.#due.has(member)) return false;
    this.#due.set(member, reason);
    return true;
  }

  /** The same, for a member that can send few more resets. Resets grow back. */
  addLowOnResets(member: PooledChannel): boolean {
    return this.add(member, LOW_ON_RESETS);
  }

  remove(member: PooledChannel): void {
    this.#due.delete(member);
  }

  /** Why one more connection is to be opened although there are enough; undefined when none is. */
  reason(maxChannels: number): string | undefined {
    // One connection beyond `maxChannels` is allowed for this.
    if (this.roster.live > maxChannels) return undefined;
    const [member, reason] = this.#next() ?? [];
    return member === undefined ? undefined : `connection ${member.id} is replaced: ${reason}`;
  }

  /** The connection that was opened for it is ready: drains one member. */
  replaceOne(): void {
    if (this.roster.live < 2) return;
    const [member, reason] = this.#next() ?? [];
    if (member === undefined || reason === undefined) return;
    // A member that is only low on resets is better than none.
    if (reason === LOW_ON_RESETS) member.drain(reason);
    else member.drainForGood(reason);
  }

  /** The member that is replaced next. None while as many drain as may: a connection that works waits then. */
  #next(): readonly [PooledChannel, string] | undefined {
    if (this.#due.size === 0) return undefined;
    const { mayDrain } = this.draining;
    for (const entry of this.#due) {
      const [member, reason] = entry;
      if (!member.isLive || (reason === LOW_ON_RESETS && !member.isLowOnResets)) this.#due.delete(member);
      else if (mayDrain || member.inFlightCalls === 0) return entry;
    }
    return undefined;
  }
}
