import type { CallInfo } from '@grpc-manifold/core';
import { OnceWarnings, type Clock, type Random } from '@grpc-manifold/core/internal';
import { Affinity } from './affinity.js';
import type { ResolvedChannelPoolOptions } from '../options/options.js';
import { pickerOf } from '../pickers/index.js';
import type { PickOutcome, Picker } from '../pickers/picker.js';
import type { PooledChannel } from '../member/pooled-channel.js';
import type { Roster } from './roster.js';

/** Finds the member that a call goes to. */
export class Selection {
  readonly #picker: Picker;
  readonly #isOwnPicker: boolean;
  readonly #keyOf: ResolvedChannelPoolOptions['affinity'];
  readonly #affinity = new Affinity<PooledChannel>();
  readonly #warnings = new OnceWarnings();

  /** @param takeTrial takes the ejected member that the next call is to try, if any. */
  constructor(
    private readonly target: string,
    private readonly roster: Roster,
    options: ResolvedChannelPoolOptions,
    clock: Clock,
    random: Random,
    private readonly takeTrial: () => PooledChannel | undefined,
  ) {
    this.#picker = pickerOf(options.picker, clock, random);
    this.#isOwnPicker = typeof options.picker === 'string';
    this.#keyOf = options.affinity;
  }

  /** True when the picker wants to hear how calls went. */
  get tellsPicker(): boolean {
    return this.#picker.onCallEnd !== undefined;
  }

  /** The member that gets a call, out of those that have room; undefined when none has. */
  pick(call: CallInfo): PooledChannel | undefined {
    const trial = this.takeTrial();
    if (trial !== undefined) return trial;
    if (this.#keyOf === undefined) return this.#pickWithRoom(call);
    const key = this.#keyFor(call, this.#keyOf);
    if (key === undefined) return this.#pickWithRoom(call);
    const bound = this.#affinity.get(key);
    // A member that is full keeps its keys: only this call goes to another one.
    if (bound?.hasRoom === true) return bound;
    const member = this.#pickWithRoom(call);
    if (member !== undefined && bound === undefined) this.#affinity.bind(key, member);
    return member;
  }

  /** A member with room that is not the given one, the one with the fewest streams. */
  pickOther(than: PooledChannel): PooledChannel | undefined {
    let best: PooledChannel | undefined;
    for (const member of this.roster.available) {
      if (member === than || !member.hasRoom) continue;
      if (best === undefined || member.usedStreams < best.usedStreams) best = member;
    }
    return best;
  }

  /** A member takes no more calls: its keys are bound anew. */
  release(member: PooledChannel): void {
    this.#affinity.release(member);
  }

  /** Tells the picker how a call went. */
  callEnded(member: PooledChannel, outcome: PickOutcome): void {
    try {
      this.#picker.onCallEnd?.(member, outcome);
    } catch (error) {
      this.#warnOnce(`onCallEnd of the picker threw: ${String(error)}`);
    }
  }

  #pickWithRoom(call: CallInfo): PooledChannel | undefined {
    for (;;) {
      const member = this.#choose(call);
      // The server may have lowered its limit since the last look.
      if (member === undefined || member.hasRoom) return member;
      this.roster.refresh(member);
    }
  }

  /** A picker of the user's own may throw, or return what it was not given. Then the first member gets the call. */
  #choose(call: CallInfo): PooledChannel | undefined {
    const { available } = this.roster;
    if (available.length === 0) return undefined;
    try {
      // A picker of the user's own gets a list of its own, whatever it does with it.
      const members = this.#isOwnPicker ? available : [...available];
      const member = this.#picker.pick(members, call) as PooledChannel | undefined;
      if (member === undefined || available[member.availableIndex] === member) return member;
      this.#warnOnce('the picker returned what it was not given');
    } catch (error) {
      this.#warnOnce(`the picker threw: ${String(error)}`);
    }
    return available[0];
  }

  #keyFor(call: CallInfo, affinity: (call: CallInfo) => string | undefined): string | undefined {
    try {
      return affinity(call);
    } catch (error) {
      this.#warnOnce(`affinity threw: ${String(error)}`);
      return undefined;
    }
  }

  /** Once a pool: it would happen with each call. */
  #warnOnce(what: string): void {
    this.#warnings.warn('selection', `ChannelPool of ${this.target}: ${what}`);
  }
}
