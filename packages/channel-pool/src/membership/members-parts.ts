import type { PoolView, TransportFault } from '@grpc-manifold/core';
import type { Clock, Random } from '@grpc-manifold/core/internal';
import { Ejector } from '../ejection/ejector.js';
import type { PooledChannel, PooledChannelObserver } from '../member/pooled-channel.js';
import { Attempts } from '../opening/attempts.js';
import { MemberMaker, type MemberMakerSettings } from '../opening/member-maker.js';
import type { ResolvedChannelPoolOptions } from '../options/options.js';
import { PolicyRunner } from '../policies/policy-runner.js';
import { LifeWatch } from '../watches/life-watch.js';
import { Draining } from './draining.js';
import { Growth } from './growth.js';
import type { MembersObserver } from './members-observer.js';
import { Outage } from './outage.js';
import { PolicyActions } from './policy-actions.js';
import { Roster } from './roster.js';
import { Rotation } from './rotation.js';
import type { ScaleDecision } from './scaling.js';
import { Selection } from './selection.js';
import { Shrinking } from './shrinking.js';
import { Usage } from './usage.js';

/** What members are made with, besides the options of the pool. */
export type MembersSettings = Omit<
  MemberMakerSettings,
  'maxStreamsPerChannel' | 'connectTimeoutMs' | 'silenceTimeoutMs' | 'channelFactory'
>;

/** What the parts ask the pool's members for as a whole. */
export interface PartsHost {
  options(): ResolvedChannelPoolOptions;
  view(): PoolView;
  tellConnectivity(): void;
  /** Another attempt may begin. */
  onRetry(): void;
  /** Nobody uses the pool. */
  onIdle(idleMs: number): void;
  /** Limits may have changed. */
  onLimits(): void;
  /** A member is about to connect. */
  onAttempt(member: PooledChannel): void;
  /** No member could be made. */
  onImpossible(error: unknown): void;
  /** Replaces a member by another. */
  replace(member: PooledChannel, reason: string): void;
  /** Ends the calls of a member, and the member. */
  giveUp(member: PooledChannel, reason: string, fault: TransportFault | undefined): void;
}

/** The parts that decide on the members of a pool, each connected to those that it asks. */
export class MembersParts {
  readonly roster = new Roster();
  readonly selection: Selection;
  readonly usage: Usage;
  readonly growth: Growth;
  readonly shrinking: Shrinking;
  readonly draining: Draining;
  readonly rotation: Rotation;
  readonly outage: Outage;
  readonly ejector: Ejector;
  readonly policies: PolicyRunner;
  readonly policyActions: PolicyActions;
  readonly lifeWatch: LifeWatch;
  readonly attempts: Attempts;

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
  constructor(
    settings: MembersSettings,
    clock: Clock,
    random: Random,
    observer: MembersObserver,
    memberObserver: PooledChannelObserver,
    host: PartsHost,
  ) {
    const { roster } = this;
    const current = (): ResolvedChannelPoolOptions => host.options();
    const options = current();
    const { connectTimeoutMs, silenceTimeoutMs, channelFactory } = options;
    const limits = { connectTimeoutMs, silenceTimeoutMs, channelFactory };
    const during = <T>(operation: () => T): T => observer.during(operation);
    const onScale = (decision: ScaleDecision): void => observer.onScale(decision);
    const queuedCalls = (): number => observer.queuedCalls();

    this.lifeWatch = new LifeWatch(clock, roster.open);
    this.outage = new Outage(options, clock, random, () => host.onRetry());
    this.ejector = new Ejector(clock, {
      open: roster.open,
      isOn: () => current().ejectOutliers && current().maxChannels > 1,
      during,
      // The calls of a key go to one connection, and may be slow by themselves.
      measuresLatency: () => current().affinity === undefined,
      onRoom: () => observer.onRoom(),
    });
    this.selection = new Selection(settings.target, roster, options, clock, random, () => this.ejector.takeTrial());
    this.draining = new Draining({
      open: roster.open,
      maxDrainingChannels: () => current().maxDrainingChannels,
      giveUp: (...args) => host.giveUp(...args),
      onAlarm: (alarm) => observer.onAlarm(alarm),
    });
    this.rotation = new Rotation(roster, this.draining);
    this.usage = new Usage(roster, clock, {
      options: current,
      isAwaited: () => observer.isAwaited(),
      onIdle: (idleMs) => host.onIdle(idleMs),
    });
    this.shrinking = new Shrinking(roster, this.draining, clock, {
      options: current,
      minChannels: () => this.usage.minChannels,
      queuedCalls,
      takePeak: () => observer.takePeak(),
      during,
      onScale,
    });
    this.growth = new Growth(roster, this.usage, this.rotation, clock, {
      options: current,
      queuedCalls,
      takesCalls: () => observer.takesCalls(),
      isBackingOff: () => this.outage.isBackingOff,
      beforeOpening: () => observer.beforeOpening(),
      during,
      onScale,
      undrain: (reason) => this.shrinking.undrain(reason),
      connect: (isReplacement) => this.attempts.begin(isReplacement),
      onReviewed: () => host.tellConnectivity(),
      onLimits: () => host.onLimits(),
    });
    this.policyActions = new PolicyActions(roster, this.draining, {
      replace: (member, reason) => host.replace(member, reason),
      giveUp: (...args) => host.giveUp(...args),
    });
    this.policies = new PolicyRunner(options.policies, clock, {
      target: settings.target,
      view: () => host.view(),
      act: (action) => this.policyActions.act(action),
    });
    const maxStreamsPerChannel = (): number | undefined => current().maxStreamsPerChannel;
    const own = { ...settings, ...limits, maxStreamsPerChannel };
    this.attempts = new Attempts(
      new MemberMaker(own, random, () => this.policyActions.keepaliveTimeMs, memberObserver),
      {
        onBegun: (member) => host.onAttempt(member),
        onImpossible: (error) => host.onImpossible(error),
      },
    );
  }

  /** Stops every timer and begins nothing any more. Members stay as they are. */
  close(): void {
    const { policies, ejector, usage, lifeWatch, outage, growth, shrinking } = this;
    for (const part of [policies, ejector, usage, lifeWatch, outage, growth, shrinking]) part.close();
  }
}
