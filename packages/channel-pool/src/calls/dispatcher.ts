import { propagate, status, type StatusObject } from '@grpc/grpc-js';
import {
  AdmissionQueue,
  earlyDropRefusal,
  queueRefusal,
  WaitEstimate,
  type QueueRefusal,
} from '@grpc-manifold/bounded-queue/internal';
import type { CallExplanation, ShedReport, TransportFault } from '@grpc-manifold/core';
import {
  attachToParent,
  DeadlineTimers,
  detachFromParent,
  ListNode,
  CANCELLED,
  explanationOf,
  GIVEN_UP,
  propagates,
  refusal,
  wordedStatus,
  type Clock,
} from '@grpc-manifold/core/internal';
import { awaitedStream } from './awaited-stream.js';
import { CallSet } from './call-set.js';
import type { Members } from '../membership/members.js';
import type { ResolvedChannelPoolOptions } from '../options/options.js';
import type { CallKeeper } from './call-keeper.js';
import type { PooledCall } from './pooled-call.js';
import type { PooledChannel } from '../member/pooled-channel.js';

/** Statuses that may be the fault of the connection. */
const CONNECTION_FAILURES: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.INTERNAL,
  status.UNKNOWN,
  status.RESOURCE_EXHAUSTED,
  status.DATA_LOSS,
]);

/** How the calls of a pool ended so far. */
export interface CallCounts {
  started: number;
  succeeded: number;
  failed: number;
  shed: number;
  cancelled: number;
  retried: number;
}

/** What the dispatcher cannot decide alone. */
export interface DispatcherSettings {
  readonly options: ResolvedChannelPoolOptions;
  readonly clock: Clock;
  readonly members: () => Members;
  readonly onShed: { readonly hasListeners: boolean; emit(report: ShedReport): void };
  /** Carries out an operation: listeners are told when it is over. */
  during<T>(operation: () => T): T;
}

/**
 * Decides for each call whether it goes out now, waits, or is refused, and keeps the books: every call that was started
 * is released exactly once, with the status that its caller gets.
 */
export class Dispatcher implements CallKeeper<PooledCall> {
  /** Calls that have been started and have no status yet. */
  readonly calls = new CallSet<PooledCall>();
  readonly counts: CallCounts = { started: 0, succeeded: 0, failed: 0, shed: 0, cancelled: 0, retried: 0 };
  readonly queue: AdmissionQueue<PooledCall>;
  readonly #deadlines: DeadlineTimers<PooledCall>;
  readonly #wait = new WaitEstimate();
  #inFlight = 0;
  #peak = 0;
  #isEnding = false;
  #isFlushing = false;

  constructor(private readonly settings: DispatcherSettings) {
    this.queue = new AdmissionQueue<PooledCall>(settings.options.queue, settings.clock, (call, waitedMs, refusedBy) => {
      call.queueWaitMs = waitedMs;
      this.#refuseByQueue(call, refusedBy);
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

  /** The most calls, in flight and waiting, that there were at once since this was asked for last. */
  takePeak(): number {
    const peak = this.#peak;
    this.#peak = this.#inFlight + this.queue.size;
    return peak;
  }

  get clock(): Clock {
    return this.settings.clock;
  }

  soon(callback: () => void): void {
    this.settings.clock.soon(callback);
  }

  admit(call: PooledCall): void {
    const { request } = call;
    this.counts.started += 1;
    this.calls.add(call.poolNode, call);
    request.owner?.add((call.ownerNode = new ListNode()), call);
    if (this.calls.closed) return this.#refuseAsClosed(call, 'the pool is closed');
    if (request.owner?.closed === true) return this.#refuseAsClosed(call, 'the client is closed');
    if (call.dueMs !== Infinity) {
      if (call.dueMs <= this.clock.elapsed()) return call.end(call.deadlineStatus());
      this.#deadlines.add(call, call.dueMs);
    }
    if (request.parent !== null && propagates(request.propagateFlags, propagate.CANCELLATION)) {
      attachToParent(request.parent, call);
      if (call.phase === 'ended') return;
    }
    // Nobody overtakes those who wait.
    const member = this.queue.size === 0 ? this.settings.members().take(call) : undefined;
    if (member !== undefined) this.#hand(call, member);
    else this.settings.during(() => this.#letWait(call));
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
    this.calls.delete(call.poolNode);
    request.pool = undefined;
    if (call.ownerNode !== undefined) request.owner?.delete(call.ownerNode);
    if (call.member !== undefined) this.#left(call, call.member, ending.code);
    this.#count(ending);
  }

  retry(call: PooledCall, refusedBy: PooledChannel, code: status): boolean {
    if (this.#isEnding) return false;
    const { handedAtMs } = call;
    // On the same connection grpc-js has tried again already.
    const member = this.queue.size === 0 ? this.settings.members().takeOther(call, refusedBy) : undefined;
    if (member === undefined && refusedBy.state === 'ready') return false;
    this.counts.retried += 1;
    this.#left(call, refusedBy, code, handedAtMs);
    call.rewind();
    if (member !== undefined) this.#hand(call, member);
    else this.settings.during(() => this.#putBack(call));
    return true;
  }

  waitedMs(call: PooledCall): number {
    return this.queue.waitedMs(call);
  }

  /**
   * Hands waiting calls to connections while there is room. Never inside itself: a call that ends while it is handed
   * over makes room, and thousands of such calls would deepen the stack. The loop that runs sees that room.
   */
  flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    try {
      while (this.queue.size > 0) {
        const call = this.queue.peek() as PooledCall;
        const member = this.settings.members().take(call);
        if (member === undefined) break;
        call.queueWaitMs = this.queue.waitedMs(call);
        this.queue.remove(call);
        this.#wait.admitted(this.settings.clock.elapsed(), this.queue.size > 0);
        this.#hand(call, member);
      }
    } finally {
      this.#isFlushing = false;
    }
    if (this.queue.size > 0) this.settings.members().watchLimits();
  }

  /** No connection can be had: those are told who did not ask to wait for one, or whose client is closing. */
  failWaiting(): void {
    this.settings.during(() => {
      for (const call of this.queue.items()) {
        if (call.phase === 'waiting' && !this.#waitsForReady(call)) this.#refuseForLackOfConnection(call);
      }
    });
  }

  /** The owner of a set of calls closes: those that wait although there is no connection have nothing to finish. */
  refuseUnconnected(calls: CallSet<PooledCall>, reason: string): void {
    this.settings.during(() => {
      if (this.settings.members().hasLive) return;
      for (const call of calls.snapshot()) {
        if (call.phase === 'waiting') this.#refuseAsClosed(call, `${reason} while it had no connection`);
      }
    });
  }

  /** Ends the calls of a set: those on a connection are cancelled, those that wait are refused. */
  endAll(calls: CallSet<PooledCall>, reason: string): void {
    this.settings.during(() => {
      for (const call of calls.snapshot()) {
        if (call.phase === 'waiting') this.#refuseAsClosed(call, reason);
        else call.end(wordedStatus(status.CANCELLED, CANCELLED, { reason }, this.#facts(call)));
      }
    });
  }

  /** Ends the calls on a connection that is given up. */
  endCallsOn(member: PooledChannel, reason: string, fault: TransportFault | undefined): void {
    this.settings.during(() => {
      for (const call of this.calls.snapshot()) {
        if (call.member !== member) continue;
        const explanation = { ...this.#facts(call), ...(fault === undefined ? {} : { fault }) };
        call.end(wordedStatus(status.UNAVAILABLE, GIVEN_UP, { channelId: member.id, reason }, explanation));
      }
    });
  }

  /** Calls are about to be ended: none is tried again from now on. */
  stopRetries(): void {
    this.#isEnding = true;
  }

  /** Forgets its timers, when no call is left. */
  close(): void {
    this.queue.close();
  }

  #hand(call: PooledCall, member: PooledChannel): void {
    this.#inFlight += 1;
    this.queue.acquirePermit(call);
    this.#notePeak();
    call.handTo(member);
    this.settings.members().review();
  }

  /** A call is no longer on a connection. */
  #left(call: PooledCall, member: PooledChannel, code: status, handedAtMs = call.handedAtMs): void {
    this.#inFlight -= 1;
    this.queue.releasePermit(call);
    const members = this.settings.members();
    // A cancel says nothing of the connection.
    if (!members.tellsPicker || handedAtMs < 0 || code === status.CANCELLED) return;
    const answeredAtMs = call.answeredAtMs < 0 ? this.settings.clock.elapsed() : call.answeredAtMs;
    const rttMs = answeredAtMs - handedAtMs;
    members.callEnded(member, { rttMs, ok: !CONNECTION_FAILURES.has(code) });
  }

  #notePeak(): void {
    const calls = this.#inFlight + this.queue.size;
    if (calls > this.#peak) this.#peak = calls;
  }

  #letWait(call: PooledCall): void {
    const members = this.settings.members();
    members.requestConnection();
    // A draining connection may have been undrained for this call, which would wait beside it.
    const member = this.queue.size === 0 ? members.take(call) : undefined;
    if (member !== undefined) return this.#hand(call, member);
    if (members.failure !== undefined && !call.waitForReady) return this.#refuseForLackOfConnection(call);
    if (call.dueMs !== Infinity) {
      const nowMs = this.clock.elapsed();
      // A member that was made for it took that long.
      if (call.dueMs <= nowMs) return call.end(call.deadlineStatus());
      const expectedMs = this.#wait.expectedMs(this.queue.ahead(call), nowMs);
      const remainingMs = call.dueMs - nowMs;
      if (expectedMs > remainingMs) return this.#dropEarly(call, expectedMs, remainingMs);
    }
    call.wait();
    this.#entered(call, this.queue.add(call, call.heldBytes, members.roomToCome));
  }

  /** True when it waits on although no connection can be had. */
  #waitsForReady(call: PooledCall): boolean {
    return call.waitForReady && !this.calls.closed && call.request.owner?.closed !== true;
  }

  /** It came before those who wait. */
  #putBack(call: PooledCall): void {
    const members = this.settings.members();
    members.requestConnection();
    if (members.failure !== undefined && !this.#waitsForReady(call)) return this.#refuseForLackOfConnection(call);
    this.#entered(call, this.queue.putBack(call, call.heldBytes, call.queueWaitMs, members.roomToCome));
  }

  /** A call has been let into the queue, or not. */
  #entered(call: PooledCall, refusedBy: QueueRefusal | undefined): void {
    if (refusedBy !== undefined) return this.#refuseByQueue(call, refusedBy);
    this.#notePeak();
    this.settings.members().watchLimits();
  }

  #dropEarly(call: PooledCall, expectedMs: number, remainingMs: number): void {
    const facts = { inFlightCalls: this.#inFlight, queuedCalls: this.queue.size, ...this.#facts(call) };
    this.#shed(call, earlyDropRefusal({ expectedMs, remainingMs, ...facts }));
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
        partition: queue.partitionOf(call),
      }),
    );
  }

  #refuseForLackOfConnection(call: PooledCall): void {
    const error = this.settings.members().failure ?? 'unknown';
    const { lastFault } = this.settings.members();
    const facts: CallExplanation = {
      ...this.#facts(call),
      lastConnectionError: error,
      ...(lastFault === undefined ? {} : { fault: lastFault }),
    };
    this.#shed(call, refusal('no-connection', { target: this.target, error }, facts));
  }

  #refuseAsClosed(call: PooledCall, reason: string): void {
    this.#shed(call, refusal('closed', { reason }, this.#facts(call)));
  }

  #shed(call: PooledCall, refusal: StatusObject): void {
    const explanation = explanationOf(refusal);
    call.end(refusal);
    const { onShed } = this.settings;
    if (onShed.hasListeners && explanation !== undefined) onShed.emit({ call: call.info, explanation });
  }

  awaited(): CallExplanation {
    const members = this.settings.members();
    return awaitedStream(members.open, members.lastError);
  }

  /** The last connection error, for a call that had to do without a connection. */
  connectionTrouble(): Pick<CallExplanation, 'lastConnectionError'> {
    const { lastError, hasLive } = this.settings.members();
    return lastError === undefined || hasLive ? {} : { lastConnectionError: lastError };
  }

  #facts(call: PooledCall): CallExplanation {
    return {
      queueWaitMs: Math.round(call.queueWaitMs),
      inFlightCalls: this.#inFlight,
      queuedCalls: this.queue.size,
      ...(call.member === undefined ? {} : { channelId: call.member.id }),
      ...this.connectionTrouble(),
    };
  }

  #count(ending: StatusObject): void {
    if (ending.code === status.OK) this.counts.succeeded += 1;
    else if (explanationOf(ending)?.refusedBy !== undefined) this.counts.shed += 1;
    else if (ending.code === status.CANCELLED) this.counts.cancelled += 1;
    else this.counts.failed += 1;
  }
}
