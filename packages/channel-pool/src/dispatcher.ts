import { propagate, status, type StatusObject } from '@grpc/grpc-js';
import { AdmissionQueue, queueRefusal, type QueueRefusal } from '@grpc-manifold/bounded-queue';
import {
  DeadlineTimers,
  explain,
  explainedStatus,
  type CallExplanation,
  type Clock,
  type ShedReport,
} from '@grpc-manifold/core';
import { CallSet } from './call-set.js';
import type { Members } from './members.js';
import type { ResolvedChannelPoolOptions } from './options.js';
import { attachToParent, detachFromParent, propagates } from './parent-calls.js';
import type { CallHost, PooledCall } from './pooled-call.js';
import type { PooledChannel } from './pooled-channel.js';

/** How the calls of a pool ended so far. */
export interface CallCounts {
  started: number;
  succeeded: number;
  failed: number;
  shed: number;
  cancelled: number;
}

/** What the dispatcher cannot decide alone. */
export interface DispatcherSettings {
  readonly options: ResolvedChannelPoolOptions;
  readonly clock: Clock;
  readonly members: () => Members;
  readonly onShed: { readonly hasListeners: boolean; emit(report: ShedReport): void };
}

/**
 * Decides for each call whether it goes out now, waits, or is refused, and keeps the books: every call that was started
 * is released exactly once, with the status that its caller gets.
 */
export class Dispatcher implements CallHost {
  /** Calls that have been started and have no status yet. */
  readonly calls = new CallSet<PooledCall>();
  readonly counts: CallCounts = { started: 0, succeeded: 0, failed: 0, shed: 0, cancelled: 0 };
  readonly queue: AdmissionQueue<PooledCall>;
  readonly #deadlines: DeadlineTimers<PooledCall>;
  #inFlight = 0;

  constructor(private readonly settings: DispatcherSettings) {
    this.queue = new AdmissionQueue<PooledCall>(settings.options.queue, settings.clock, (call, waitedMs) => {
      call.queueWaitMs = waitedMs;
      this.#refuseByQueue(call, 'queue-time');
    });
    this.#deadlines = new DeadlineTimers<PooledCall>(settings.clock, (call) => call.end(call.deadlineStatus()));
  }

  get target(): string {
    return this.settings.members().target;
  }

  /** Calls that are on a connection. */
  get inFlight(): number {
    return this.#inFlight;
  }

  now(): number {
    return this.settings.clock.now();
  }

  soon(callback: () => void): void {
    this.settings.clock.soon(callback);
  }

  admit(call: PooledCall): void {
    const { request } = call;
    this.counts.started += 1;
    this.calls.add(call);
    request.owner?.add(call);
    if (this.calls.closed) return this.#refuse(call, 'closed', 'the pool is closed');
    if (request.owner?.closed === true) return this.#refuse(call, 'closed', 'the client is closed');
    if (request.deadlineMs !== Infinity) {
      if (request.deadlineMs <= this.now()) return call.end(call.deadlineStatus());
      this.#deadlines.add(call, request.deadlineMs);
    }
    if (request.parent !== null && propagates(request.propagateFlags, propagate.CANCELLATION)) {
      attachToParent(request.parent, call);
      if (call.phase === 'ended') return;
    }
    // Nobody overtakes those who wait.
    const member = this.queue.size === 0 ? this.settings.members().pick() : undefined;
    if (member !== undefined) this.#hand(call, member);
    else this.#letWait(call);
  }

  addBytes(call: PooledCall, bytes: number): void {
    const refusedBy = this.queue.addBytes(call, bytes);
    if (refusedBy !== undefined) this.#refuseByQueue(call, refusedBy);
  }

  release(call: PooledCall, ending: StatusObject): void {
    const { request } = call;
    this.queue.remove(call);
    this.#deadlines.remove(call);
    if (request.parent !== null) detachFromParent(request.parent, call);
    this.calls.delete(call);
    request.owner?.delete(call);
    if (call.member !== undefined) this.#inFlight -= 1;
    this.#count(ending);
  }

  waitedMs(call: PooledCall): number {
    return this.queue.waitedMs(call);
  }

  /** Hands waiting calls to connections while there is room. */
  flush(): void {
    while (this.queue.size > 0) {
      const member = this.settings.members().pick();
      if (member === undefined) {
        this.settings.members().review();
        return;
      }
      const call = this.queue.peek() as PooledCall;
      call.queueWaitMs = this.queue.waitedMs(call);
      this.queue.remove(call);
      this.#hand(call, member);
    }
  }

  /** No connection can be had: those who did not ask to wait for one are told. */
  failWaiting(): void {
    for (const call of this.queue.items()) {
      if (call.phase === 'waiting' && !call.waitForReady) this.#refuseForLackOfConnection(call);
    }
  }

  /** Ends the calls of a set: those on a connection are cancelled, those that wait are refused. */
  endAll(calls: CallSet<PooledCall>, reason: string): void {
    for (const call of calls.snapshot()) {
      if (call.phase === 'waiting') this.#refuse(call, 'closed', reason);
      else call.end(explainedStatus(status.CANCELLED, `Cancelled: ${reason}`, this.#facts(call)));
    }
  }

  /** Ends the calls on a connection that is given up. */
  endCallsOn(member: PooledChannel, reason: string): void {
    for (const call of this.calls.snapshot()) {
      if (call.member !== member) continue;
      const fault = this.settings.members().lastFault;
      const explanation = { ...this.#facts(call), ...(fault === undefined ? {} : { fault }) };
      call.end(explainedStatus(status.UNAVAILABLE, `Connection ${member.id} was given up: ${reason}`, explanation));
    }
  }

  /** Forgets its timers, when no call is left. */
  close(): void {
    this.queue.close();
  }

  #hand(call: PooledCall, member: PooledChannel): void {
    this.#inFlight += 1;
    call.handTo(member);
    this.settings.members().took(member);
  }

  #letWait(call: PooledCall): void {
    const members = this.settings.members();
    members.want();
    if (members.failure !== undefined && !call.waitForReady) return this.#refuseForLackOfConnection(call);
    call.wait();
    const refusedBy = this.queue.add(call, call.heldBytes, members.roomToCome);
    if (refusedBy !== undefined) this.#refuseByQueue(call, refusedBy);
    else members.review();
  }

  #refuseByQueue(call: PooledCall, refusedBy: QueueRefusal | 'queue-time'): void {
    const { queue } = this;
    this.#shed(
      call,
      queueRefusal(refusedBy, {
        limits: queue.limits,
        queuedCalls: queue.size,
        queuedBytes: queue.bytes,
        inFlightCalls: this.#inFlight,
        waitedMs: call.queueWaitMs,
      }),
    );
  }

  #refuseForLackOfConnection(call: PooledCall): void {
    const error = this.settings.members().failure ?? 'unknown';
    const { lastFault } = this.settings.members();
    this.#refuse(call, 'no-connection', `no connection to ${this.target}: ${error}`, {
      lastConnectionError: error,
      ...(lastFault === undefined ? {} : { fault: lastFault }),
    });
  }

  #refuse(call: PooledCall, refusedBy: 'closed' | 'no-connection', reason: string, more: CallExplanation = {}): void {
    const explanation = { refusedBy, ...this.#facts(call), ...more };
    this.#shed(
      call,
      explainedStatus(status.UNAVAILABLE, `Refused before it was sent, ${refusedBy}: ${reason}`, explanation),
    );
  }

  #shed(call: PooledCall, refusal: StatusObject): void {
    const explanation = explain(refusal);
    call.end(refusal);
    const { onShed } = this.settings;
    if (onShed.hasListeners && explanation !== undefined) onShed.emit({ call: call.info, explanation });
  }

  #facts(call: PooledCall): CallExplanation {
    return {
      queueWaitMs: Math.round(call.queueWaitMs),
      inFlightCalls: this.#inFlight,
      queuedCalls: this.queue.size,
      ...(call.member === undefined ? {} : { channelId: call.member.id }),
    };
  }

  #count(ending: StatusObject): void {
    if (ending.code === status.OK) this.counts.succeeded += 1;
    else if (explain(ending)?.refusedBy !== undefined) this.counts.shed += 1;
    else if (ending.code === status.CANCELLED) this.counts.cancelled += 1;
    else this.counts.failed += 1;
  }
}
