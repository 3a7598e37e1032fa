import { connectivityState, type ChannelCredentials } from '@grpc/grpc-js';
import type { ShedReport } from '@grpc-manifold/core';
import { systemRandom, warn, type Emitter, type systemClock } from '@grpc-manifold/core/internal';
import type { Connectivity } from './membership/connectivity.js';
import { Dispatcher } from './calls/dispatcher.js';
import { memberOptions } from './options/member-channel-options.js';
import { Members } from './membership/members.js';
import type { MethodConfigs } from './options/method-config.js';
import type { ResolvedChannelPoolOptions } from './options/options.js';
import type { Announcements } from './reports/announcements.js';
import type { ChannelPoolEnvironment } from './pool-environment.js';
import { policyChannelOptions } from './policies/policy-channel-options.js';
import { RESET_BURST } from './member/reset-budget.js';
import type { ScaleDecision } from './membership/scaling.js';
import type { ChannelStateChange, PoolAlarm } from './reports/stats.js';

/** What a pool is told by its parts, and what it tells others. */
export interface PoolEvents {
  readonly stateChange: Emitter<ChannelStateChange>;
  readonly scale: Emitter<ScaleDecision>;
  readonly shed: Emitter<ShedReport>;
  readonly alarm: Emitter<PoolAlarm>;
}

/** What the parts of a pool are made of. */
export interface PoolPartsSettings {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly options: ResolvedChannelPoolOptions;
  readonly clock: typeof systemClock;
  readonly environment: ChannelPoolEnvironment;
  readonly announcements: Announcements;
}

/**
 * What works inside a pool: its connections, and what hands calls to them. Sockets and timers lead to these, so nothing
 * here may lead to the pool itself but the calls that are under way: a pool that nobody else refers to and that has no
 * calls can then be collected, and with it all that is here is closed (docs/decisions/0025).
 */
export class PoolParts {
  readonly dispatcher: Dispatcher;
  readonly members: Members;
  /** What the service config says of each method. */
  readonly methods: MethodConfigs;
  /** While the state can change by itself those who watch it wait for something; they may lead to the pool. */
  readonly #kept = new Set<Connectivity>();

  /**
   * @param events held weakly: their listeners may lead to the pool, which holds them.
   * @param connectivity held weakly, but while its state can change by itself.
   * @throws what grpc-js throws for a wrong target, and the channel factory for what it can make no channels of.
   */
  constructor(settings: PoolPartsSettings, events: PoolEvents, connectivity: Connectivity) {
    const { target, credentials, options, clock, environment, announcements } = settings;
    const told = new WeakRef(events);
    const states = new WeakRef(connectivity);
    const dispatcher = (this.dispatcher = new Dispatcher({
      options,
      clock,
      members: () => this.members,
      onShed: {
        get hasListeners() {
          return told.deref()?.shed.hasListeners === true;
        },
        emit: (report) => announce(announcements, told.deref()?.shed, report),
      },
      during: (operation) => announcements.during(operation),
    }));
    const policyOptions = policyChannelOptions(options.policies, options.channelOptions);
    const { channelOptions, methods } = memberOptions(target, { ...policyOptions.always, ...options.channelOptions });
    this.methods = methods;
    options.channelFactory?.check?.(target, credentials, channelOptions);
    this.members = new Members(
      {
        target,
        credentials,
        clock,
        channelOptions,
        keepaliveOptions: policyOptions.whereGrpcJsPings,
        resetBurst: environment.resetBurst ?? RESET_BURST,
      },
      options,
      clock,
      environment.random ?? systemRandom,
      {
        queuedCalls: () => dispatcher.queue.size,
        takePeak: () => dispatcher.takePeak(),
        beforeOpening: () => environment.beforeOpening?.(),
        isAwaited: () => dispatcher.queue.size > 0 || states.deref()?.isWatched === true,
        takesCalls: () => !dispatcher.calls.closed,
        onRoom: () => dispatcher.flush(),
        onNoConnection: () => dispatcher.failWaiting(),
        endCallsOn: (...args) => dispatcher.endCallsOn(...args),
        during: (operation) => announcements.during(operation),
        onStateChange: (change) => announce(announcements, told.deref()?.stateChange, change),
        onScale: (decision) => {
          if (decision.action === 'grow') environment.onGrowth?.();
          announce(announcements, told.deref()?.scale, decision);
        },
        onAlarm: (alarm) => announce(announcements, told.deref()?.alarm, alarm),
        onConnectivity: (state) => {
          const watched = states.deref();
          if (state === connectivityState.IDLE) this.#kept.clear();
          else if (watched !== undefined) this.#kept.add(watched);
          watched?.set(state);
        },
      },
    );
  }

  /** Nobody can make a call any more, and none is left: closes every connection. */
  async abandon(): Promise<void> {
    this.#kept.clear();
    this.dispatcher.calls.refuseNew();
    this.dispatcher.close();
    try {
      await this.members.close('nobody refers to the pool any more');
    } catch (error) {
      warn(`The connections of a collected pool of ${this.members.target} could not be closed: ${String(error)}`);
    }
  }
}

/** Tells the listeners of an event when the operation that is under way is over. */
function announce<T>(announcements: Announcements, emitter: Emitter<T> | undefined, payload: T): void {
  if (emitter?.hasListeners === true) announcements.tell(() => emitter.emit(payload));
}

/** Closes what is left of pools that were collected. */
export const collectedPools = new FinalizationRegistry<CollectedPool>(({ parts, onCollected }) => {
  void parts.abandon().then(onCollected);
});

/** What is left of a pool that was collected. Must not lead to it. */
export interface CollectedPool {
  readonly parts: PoolParts;
  readonly onCollected: (() => unknown) | undefined;
}
