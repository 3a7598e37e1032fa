import type { ChannelView } from '@grpc-manifold/core';
import type { ChannelStats } from '../reports/stats.js';
import type { MemberState } from './lifecycle.js';
import type { LifeSigns } from './life-signs.js';

/** What policies see of a member. Its times are taken from the looks of now. */
export function memberView(
  member: Omit<ChannelView, 'ageMs' | 'silentMs' | 'drainingMs' | 'jitterFraction' | keyof PingView> & {
    readonly connectedMs: number;
    readonly canPing: boolean;
    readonly keepaliveTimeMs: number;
  },
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

type PingView = Pick<ChannelView, 'canPing' | 'pings' | 'pingedMs' | 'isPinging' | 'keepaliveTimeMs'>;

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
