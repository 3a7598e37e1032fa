import type { PolicyAction, TransportFault } from '@grpc-manifold/core';
import type { PooledChannel } from '../member/pooled-channel.js';
import type { Draining } from './draining.js';
import type { Roster } from './roster.js';

/** Milliseconds that a PING of a policy may take that names no timeout: grpc-js's own default. */
const PING_TIMEOUT_MS = 20_000;

/** What the actions of policies need of the pool. */
export interface ActingPool {
  /** Has a member replaced by another. */
  replace(member: PooledChannel, reason: string): void;
  /** Ends the calls on a member, and closes it. */
  giveUp(member: PooledChannel, reason: string, fault: TransportFault | undefined): void;
}

/** Carries out what the policies of a pool have decided. */
export class PolicyActions {
  #keepaliveTimeMs: number | undefined;
  #pingStrikes = 0;

  constructor(
    private readonly roster: Roster,
    private readonly draining: Draining,
    private readonly pool: ActingPool,
  ) {}

  /** The interval between PINGs that a policy has set. */
  get keepaliveTimeMs(): number | undefined {
    return this.#keepaliveTimeMs;
  }

  /** Connections that a server has closed for too many PINGs since that interval was set. */
  get pingStrikes(): number {
    return this.#pingStrikes;
  }

  /** Ignores a member that is not there any more, or not in a state for the action. */
  act(action: PolicyAction): void {
    if (action.kind === 'set-keepalive') {
      this.#keepaliveTimeMs = action.timeMs;
      this.#pingStrikes = 0;
      return;
    }
    const member = this.roster.find(action.channelId);
    if (member === undefined) return;
    switch (action.kind) {
      case 'ping':
        return member.ping(action.timeoutMs ?? PING_TIMEOUT_MS, this.#keepaliveTimeMs ?? Infinity);
      case 'rotate':
        return this.pool.replace(member, action.reason);
      case 'verify':
        // A connection that cannot be asked is made anew.
        if (!member.requireVerification()) this.pool.replace(member, action.reason);
        return;
      case 'close':
        return this.#close(member, action.reason);
    }
  }

  /** A member that had sent PINGs more often than they are sent now tells nothing new. */
  countStrike(member: PooledChannel, fault: TransportFault): void {
    if (fault.tag !== 'too-many-pings') return;
    if (member.keepaliveTimeMs >= (this.#keepaliveTimeMs ?? 0)) this.#pingStrikes += 1;
  }

  #close(member: PooledChannel, reason: string): void {
    if (member.state === 'draining') this.pool.giveUp(member, reason, member.fault);
    else if (member.inFlightCalls === 0 || this.draining.mayDrain) member.drain(reason);
  }
}
