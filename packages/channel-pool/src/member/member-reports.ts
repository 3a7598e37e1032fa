import type { ChannelView } from '@grpc-manifold/core';
import type { ChannelStats } from '../reports/stats.js';
import type { MemberState } from './lifecycle.js';
import type { LifeSigns } from './life-signs.js';

/** What a view takes from a member as it is. */
type ViewedMember = Pick<
  ChannelView,
  'id' | 'state' | 'isEjected' | 'inFlightCalls' | 'idleMs' | 'canPing' | 'keepaliveTimeMs'
> & { readonly connectedMs: number };

/** What policies see of a member at a monotonic time. Looks for bytes that came in. */
export function memberView(
  member: ViewedMember,
  state: MemberState,
  life: LifeSigns,
  nowMs: number,
  jitterFraction: number,
): ChannelView {
  return {
    id: member.id,
    state: member.state,
    isEjected: member.isEjected,
    jitterFraction,
    inFlightCalls: member.inFlightCalls,
    ageMs: member.connectedMs,
    idleMs: member.idleMs,
    silentMs: life.look(),
    drainingMs: state.name === 'draining' ? nowMs - state.sinceMs : 0,
    canPing: member.canPing,
    pings: life.pings,
    pingedMs: life.pingedMs,
    isPinging: life.isPinging,
    keepaliveTimeMs: member.keepaliveTimeMs,
  };
}

/** What users see of a member. */
export function channelStats(
  member: Omit<ChannelStats, 'learnedFromServer' | 'peer'> & { readonly peer: string | undefined },
  serverLimit: number | undefined,
): ChannelStats {
  const { peer } = member;
  return Object.freeze({
    id: member.id,
    state: member.state,
    inFlightCalls: member.inFlightCalls,
    endingStreams: member.endingStreams,
    maxConcurrentStreams: member.maxConcurrentStreams,
    learnedFromServer: serverLimit === member.maxConcurrentStreams,
    ageMs: member.ageMs,
    idleMs: member.idleMs,
    startedCalls: member.startedCalls,
    failedCalls: member.failedCalls,
    ...(peer === undefined ? {} : { peer }),
  });
}
