import type { ChannelState, TransportFault } from '@grpc-manifold/core';

/** The states of a member, each with what belongs to it. */
export type MemberState =
  | { readonly name: 'connecting' }
  | { readonly name: 'ready' }
  /** The connection is open and its calls go on. It gets no new calls until it is readmitted. */
  | { readonly name: 'ejected' }
  | DrainingState
  | { readonly name: 'failed' }
  | { readonly name: 'closed' };

/** No new calls; the member closes when those in flight have ended. */
export interface DrainingState {
  readonly name: 'draining';
  /** True while the pool may undrain the member: it works, and drains only because fewer connections are enough. */
  readonly isReversible: boolean;
  /** True while the member still listens to its channel, whose connection works. False: the channel is closed. */
  readonly isFollowed: boolean;
  /** Monotonic milliseconds. */
  readonly sinceMs: number;
}

export type MemberStateName = MemberState['name'];

/** Which state may follow which. The diagram in docs/life-of-a-member.md shows the same, and a test compares them. */
export const TRANSITIONS: Readonly<Record<MemberStateName, readonly MemberStateName[]>> = {
  connecting: ['ready', 'failed', 'closed'],
  ready: ['ejected', 'draining', 'closed'],
  ejected: ['ready', 'draining', 'closed'],
  draining: ['ready', 'draining', 'closed'],
  failed: ['closed'],
  closed: [],
};

/** What is done when a member enters or leaves a state. */
export interface StateActions {
  /** Runs when the state was entered, before anybody is told. */
  readonly onEnter?: (from: MemberState) => void;
  /** Runs when everybody was told, unless somebody has changed the state meanwhile. */
  readonly onTold?: (state: MemberState, reason: string) => void;
  /** Runs when the state was left, before anybody is told. */
  readonly onLeave?: () => void;
}

/** Told of each change that users can see. An ejected member counts as `failed` there. */
type OnChange = (from: ChannelState, reason: string, fault: TransportFault | undefined) => void;

/**
 * The state of one member. {@link change} is the only function that changes it.
 *
 * Re-entry: whoever is told of a change finds the member in its new state and may change it again, by any command. The
 * inner change is complete when the outer one goes on, and the outer one then does nothing more. One exception: a
 * member is not undrained by somebody who is being told that it drains, because all others are still to look for
 * another one.
 */
export class Lifecycle {
  #state: MemberState = { name: 'connecting' };
  #isTelling = false;

  constructor(
    private readonly actions: Readonly<Partial<Record<MemberStateName, StateActions>>>,
    private readonly onChange: OnChange,
  ) {}

  get state(): MemberState {
    return this.#state;
  }

  /** The state as users see it. */
  get shown(): ChannelState {
    return shownState(this.#state);
  }

  /** True while the connection is open and was not given up. */
  get isLive(): boolean {
    return this.#state.name === 'ready' || this.#state.name === 'ejected';
  }

  /**
   * Changes the state, runs the actions of both states and tells the observer. False where that state may not follow.
   */
  change(to: MemberState, reason: string, fault?: TransportFault): boolean {
    const from = this.#state;
    if (!TRANSITIONS[from.name].includes(to.name)) return false;
    if (from.name === 'draining' && to.name === 'ready' && this.#isTelling) return false;
    this.#state = to;
    if (from.name !== to.name) this.actions[from.name]?.onLeave?.();
    this.actions[to.name]?.onEnter?.(from);
    const before = shownState(from);
    if (before !== shownState(to)) this.#tell(before, reason, fault);
    if (this.#state === to) this.actions[to.name]?.onTold?.(to, reason);
    return true;
  }

  #tell(from: ChannelState, reason: string, fault: TransportFault | undefined): void {
    const wasTelling = this.#isTelling;
    this.#isTelling = true;
    try {
      this.onChange(from, reason, fault);
    } finally {
      this.#isTelling = wasTelling;
    }
  }
}

function shownState({ name }: MemberState): ChannelState {
  return name === 'ejected' ? 'failed' : name;
}
