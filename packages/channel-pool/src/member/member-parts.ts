import type { TransportFault } from '@grpc-manifold/core';
import { faultOfFailedAttempt, withAdvice, type Connection } from '@grpc-manifold/core/internal';
import { CallOutcomes } from './call-outcomes.js';
import { ConnectAttempt } from './connect-attempt.js';
import { ConnectionLoss } from './connection-loss.js';
import { LifeSigns } from './life-signs.js';
import { Lifecycle, type DrainingState } from './lifecycle.js';
import type { MemberObserver } from './member-observer.js';
import { connectionWith, type PooledChannelSettings } from './member-settings.js';
import { ResetBudget } from './reset-budget.js';
import { StreamRoom } from './stream-room.js';
import { Vitals } from './vitals.js';

/** What the parts of a member ask of it. */
export interface MemberCommands {
  /** True while the member is not full: it has room, or is ejected. */
  hasRoom(): boolean;
  /** Takes no new calls, and closes when those in flight have ended. */
  retire(reason: string, fault: TransportFault): void;
  /** The attempt to connect has failed. */
  fail(fault: TransportFault): void;
  /** Everybody was told that the member drains. */
  onDraining(): void;
  close(reason: string): void;
}

/** The parts of a member, connected with each other, with the member and with its observer. */
export class MemberParts<Member> {
  readonly connection: Connection;
  readonly resets: ResetBudget;
  readonly life: LifeSigns;
  readonly room: StreamRoom;
  readonly loss: ConnectionLoss;
  readonly vitals = new Vitals();
  readonly outcomes: CallOutcomes;
  readonly attempt: ConnectAttempt;
  readonly lifecycle: Lifecycle;
  /** When the member was ready for the first time, monotonic milliseconds. */
  connectedAtMs: number | undefined;

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
  constructor(
    id: number,
    settings: PooledChannelSettings,
    member: Member,
    commands: MemberCommands,
    observer: MemberObserver<Member>,
  ) {
    const { clock, connectTimeoutMs, maxStreamsPerChannel, resetBurst, silenceTimeoutMs } = settings;
    const connection = (this.connection = connectionWith(settings, id));
    this.resets = new ResetBudget(clock.elapsed(), resetBurst);
    this.life = new LifeSigns(clock, connection, silenceTimeoutMs, {
      startedCalls: () => this.room.startedCalls,
      onAnswer: () => {
        this.room.heard();
        observer.onRoom(member);
      },
      onStalled: (fault) => commands.retire('stalled', fault),
      onDeath: (fault) => observer.onDeath(member, fault),
      onUnverified: (fault) => observer.onUnverified(member, fault),
    });
    this.room = new StreamRoom(clock, this.life, this.resets, connection, maxStreamsPerChannel, {
      hasRoom: () => commands.hasRoom(),
      onRoom: () => observer.onRoom(member),
      onStalled: (silentMs) => {
        const detail = `no sign of life for ${Math.round(silentMs)} ms while calls ended on it`;
        commands.retire('stalled', { tag: 'stalled', detail });
      },
    });
    this.loss = new ConnectionLoss(connection, () => this.resets.isLow(clock.elapsed()));
    this.outcomes = new CallOutcomes(this.vitals, connection, {
      onVitals: () => observer.onVitals(member),
      wasPresent: (sinceMs, nowMs) => observer.wasPresent(sinceMs, nowMs),
    });
    this.attempt = new ConnectAttempt(clock, connectTimeoutMs, connection.channel, {
      isAwaited: () => observer.isAwaited(),
      isConnecting: () => connection.isConnecting,
      onReady: () => this.lifecycle.change({ name: 'ready' }, 'connected'),
      onRefused: (detail) => commands.fail(withAdvice(faultOfFailedAttempt(detail), settings.credentials)),
      onFailed: (fault) => commands.fail(fault),
    });
    this.lifecycle = new Lifecycle(
      {
        connecting: { onLeave: () => this.attempt.stop() },
        ready: { onEnter: () => (this.connectedAtMs ??= clock.elapsed()) },
        draining: {
          onTold: (state) => {
            if (!(state as DrainingState).isFollowed) closeSoon(connection);
            commands.onDraining();
          },
        },
        failed: { onTold: (_, reason) => commands.close(reason) },
        closed: {
          onEnter: () => {
            this.life.close();
            this.room.close();
          },
        },
      },
      (from, reason, fault) => observer.onStateChange(member, from, reason, fault),
    );
  }
}

/**
 * Closes a channel whose connection goes away. The channel would make another for the calls that were refused with the
 * connection (grpc-js retries them once, retrying-call.ts). A closed channel lets its calls in flight finish, and gives
 * those back to the pool. It is closed in the next tick, because closing inside grpc-js's own state callbacks brings
 * the channel back to life, and in no later one: by then it has begun to connect.
 */
function closeSoon(connection: Connection): void {
  process.nextTick(() => connection.closeChannel());
}
