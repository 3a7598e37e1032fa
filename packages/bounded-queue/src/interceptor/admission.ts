import { propagate, status, type StatusObject } from '@grpc/grpc-js';
import type { CallExplanation, ShedReport } from '@grpc-manifold/core';
import {
  attachToParent,
  DeadlineTimers,
  detachFromParent,
  Emitter,
  explanationOf,
  propagates,
  OnceWarnings,
  refusal,
  type Clock,
} from '@grpc-manifold/core/internal';
import { earlyDropRefusal } from '../early-drop.js';
import { AdmissionQueue, QueueBudget, queueRefusal, type QueueRefusal } from '../queue/index.js';
import type { CallAdmission, HeldCall } from './held-call.js';
import { resolveBoundedQueueOptions, type BoundedQueueOptions, type ResolvedBoundedQueueOptions } from './options.js';
import { Slots } from './slots.js';
import type { QueueStats } from './stats.js';

/** Statuses by which overload shows. */
const OVERLOAD: ReadonlySet<status> = new Set([
  status.DEADLINE_EXCEEDED,
  status.UNAVAILABLE,
  status.RESOURCE_EXHAUSTED,
]);

/**
 * Decides for each call whether it goes out now, waits, or is refused, and keeps the books: every call that was started
 * is released exactly once, with the status that its caller gets.
 */
export class Admission implements CallAdmission, Disposable {
  readonly onShed = new Emitter<ShedReport>();
  readonly #budget = new QueueBudget();
  readonly #calls: Slots<HeldCall>;
  /** Of streaming calls, where those are counted apart. */
  readonly #streams: Slots<HeldCall>;
  readonly #deadlines: DeadlineTimers<HeldCall>;
  #options: ResolvedBoundedQueueOptions;
  #shedCalls = 0;
  #isClosed = false;
  readonly #warnings = new OnceWarnings();

  constructor(
    options: BoundedQueueOptions | undefined,
    readonly clock: Clock,
  ) {
    this.#options = resolveBoundedQueueOptions(options);
    this.#calls = new Slots<HeldCall>(this.#makeQueue(), () => this.#options.limit.current);
    this.#streams = new Slots<HeldCall>(this.#makeQueue(), () => this.#options.streamLimit);
    this.#deadlines = new DeadlineTimers<HeldCall>(clock, (call) => call.end(call.deadlineStatus()));
  }

  soon(callback: () => void): void {
    this.clock.soon(callback);
  }

  waitedMs(call: HeldCall): number {
    return call.slots?.queue.waitedMs(call) ?? 0;
  }

  awaited(call: HeldCall): CallExplanation {
    const { slots } = call;
    return { waitedFor: 'slot', inFlightCalls: slots?.inFlight ?? 0, limit: slots?.limit ?? 0 };
  }

  admit(call: HeldCall): void {
    const slots = this.#slotsFor(call);
    call.slots = slots;
    if (this.#isClosed) return this.#refuseAsClosed(call);
    // A call that is late before it began must not take a slot, nor teach the limit anything.
    if (call.dueMs <= this.clock.elapsed()) return call.end(call.deadlineStatus());
    // A limit may have grown without being told of a call.
    if (slots.queue.size > 0) this.#flush(slots);
    // Nobody overtakes those who wait.
    if (slots.queue.size === 0 && slots.hasRoom) this.#open(call, slots);
    else this.#letWait(call, slots);
  }

  addBytes(call: HeldCall, bytes: number): void {
    const refusedBy = call.slots?.queue.addBytes(call, bytes);
    if (refusedBy !== undefined) this.#refuseByQueue(call, refusedBy);
  }

  release(call: HeldCall, ending: StatusObject, isAnswered: boolean): void {
    const { slots } = call;
    if (slots === undefined) return;
    this.#untie(call);
    slots.queue.remove(call);
    if (call.admittedMs < 0) return;
    slots.inFlight -= 1;
    slots.queue.releasePermit(call);
    if (isAnswered) this.#teach(call, ending);
    this.#flush(slots);
  }

  stats(): QueueStats {
    const [calls, streams] = [this.#calls, this.#streams];
    return Object.freeze({
      limit: this.#options.limit.current,
      inFlightCalls: calls.inFlight,
      inFlightStreams: streams.inFlight,
      queuedCalls: this.#budget.calls,
      queuedBytes: this.#budget.bytes,
      shedCalls: this.#shedCalls,
      oldestWaitMs: Math.max(calls.queue.oldestWaitMs, streams.queue.oldestWaitMs),
    });
  }

  update(options: BoundedQueueOptions): void {
    const [before, now] = [this.#options, resolveBoundedQueueOptions(options, this.#options)];
    this.#options = now;
    if ((before.streamLimit === Infinity) !== (now.streamLimit === Infinity)) this.#moveStreams();
    for (const { queue } of [this.#calls, this.#streams]) queue.update(now.queue);
    for (const slots of [this.#calls, this.#streams]) this.#flush(slots);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    for (const { queue } of [this.#calls, this.#streams]) {
      for (const call of queue.items()) this.#refuseAsClosed(call);
      queue.close();
    }
  }

  #makeQueue(): AdmissionQueue<HeldCall> {
    return new AdmissionQueue<HeldCall>(
      this.#options.queue,
      this.clock,
      (call, waitedMs, refusedBy) => {
        call.queueWaitMs = waitedMs;
        this.#refuseByQueue(call, refusedBy);
      },
      this.#budget,
    );
  }

  #slotsFor(call: HeldCall): Slots<HeldCall> {
    const isApart = this.#options.streamLimit !== Infinity && call.kind !== 'unary';
    return isApart ? this.#streams : this.#calls;
  }

  /**
   * Streaming calls are now counted otherwise: those that wait do so elsewhere, those in flight keep the slots they
   * have.
   */
  #moveStreams(): void {
    for (const from of [this.#calls, this.#streams]) {
      for (const call of from.queue.items()) {
        const to = this.#slotsFor(call);
        if (to === from) continue;
        const [waitedMs, bytes] = [from.queue.waitedMs(call), call.heldBytes];
        from.queue.remove(call);
        call.slots = to;
        const refusedBy = to.queue.putBack(call, bytes, waitedMs, Infinity);
        if (refusedBy !== undefined) this.#refuseByQueue(call, refusedBy);
      }
    }
  }

  /** Lets waiting calls in while there is room. Never inside itself: calls that are answered at once would pile up. */
  #flush(slots: Slots<HeldCall>): void {
    if (slots.isFlushing) return;
    slots.isFlushing = true;
    try {
      while (slots.queue.size > 0 && slots.hasRoom) {
        const call = slots.next(this.clock.elapsed()) as HeldCall;
        if (call.dueMs === Infinity || !this.#endIfTooLate(call, slots)) this.#open(call, slots);
      }
    } finally {
      slots.isFlushing = false;
    }
  }

  /** Ends a call whose turn has come and whose answer would not come in time. False where it may. */
  #endIfTooLate(call: HeldCall, slots: Slots<HeldCall>): boolean {
    const remainingMs = call.dueMs - this.clock.elapsed();
    // Its timer may be late, when the event loop is.
    if (remainingMs <= 0) {
      call.end(call.deadlineStatus());
      return true;
    }
    const expectedMs = slots.roundTripMs(call);
    if (remainingMs >= expectedMs) return false;
    // The wait was longer than expected, and not even a usual answer would be in time. Sent now, it would take the
    // server's time from one that can still be in time.
    this.#dropEarly(call, slots, expectedMs, remainingMs);
    return true;
  }

  #open(call: HeldCall, slots: Slots<HeldCall>): void {
    this.#untie(call);
    slots.inFlight += 1;
    slots.queue.acquirePermit(call);
    call.admittedMs = this.clock.elapsed();
    call.inFlightAtAdmission = slots.inFlight;
    call.open();
  }

  #letWait(call: HeldCall, slots: Slots<HeldCall>): void {
    const { queue } = slots;
    if (call.dueMs !== Infinity) {
      const nowMs = this.clock.elapsed();
      const expectedMs = slots.expectedMs(call, nowMs);
      const remainingMs = call.dueMs - nowMs;
      if (expectedMs > remainingMs) return this.#dropEarly(call, slots, expectedMs, remainingMs);
    }
    if (call.parent !== null && propagates(call.propagateFlags, propagate.CANCELLATION)) {
      attachToParent(call.parent, call);
      if (call.phase === 'ended') return;
    }
    const refusedBy = queue.add(call, call.heldBytes);
    if (refusedBy !== undefined) return this.#refuseByQueue(call, refusedBy);
    call.wait();
    if (call.dueMs !== Infinity) this.#deadlines.add(call, call.dueMs);
  }

  /** From here on deadline and parent are for the call below to heed. */
  #untie(call: HeldCall): void {
    this.#deadlines.remove(call);
    if (call.parent !== null) detachFromParent(call.parent, call);
  }

  /**
   * Only what the server has said: a stream lasts as long as it likes, and what we or a layer below refused it never
   * saw.
   */
  #teach(call: HeldCall, ending: StatusObject): void {
    const { code } = ending;
    if (call.kind !== 'unary' || code === status.CANCELLED) return;
    if (code !== status.OK && explanationOf(ending)?.refusedBy !== undefined) return;
    const rttMs = this.clock.elapsed() - call.admittedMs;
    call.slots?.roundTrips.add(call.method, rttMs, !OVERLOAD.has(code));
    try {
      this.#options.limit.onSample({ rttMs, inFlight: call.inFlightAtAdmission, dropped: OVERLOAD.has(code) });
    } catch (error) {
      this.#warnings.warn('onSample', `boundedQueue: a limit threw in onSample: ${String(error)}`);
    }
  }

  #dropEarly(call: HeldCall, { inFlight, queue }: Slots<HeldCall>, expectedMs: number, remainingMs: number): void {
    const facts = { queueWaitMs: Math.round(call.queueWaitMs), inFlightCalls: inFlight, queuedCalls: queue.size };
    this.#shed(call, earlyDropRefusal({ expectedMs, remainingMs, ...facts }));
  }

  #refuseByQueue(call: HeldCall, refusedBy: QueueRefusal | 'queue-time'): void {
    this.#shed(
      call,
      queueRefusal(refusedBy, {
        limits: this.#options.queue,
        queuedCalls: this.#budget.calls,
        queuedBytes: this.#budget.bytes,
        inFlightCalls: call.slots?.inFlight ?? 0,
        waitedMs: call.queueWaitMs,
        partition: call.slots?.queue.partitionOf(call),
      }),
    );
  }

  #refuseAsClosed(call: HeldCall): void {
    const waitedMs = call.phase === 'waiting' ? this.waitedMs(call) : 0;
    this.#shed(
      call,
      refusal(
        'closed',
        { reason: 'the queue is disposed' },
        {
          queueWaitMs: Math.round(waitedMs),
          inFlightCalls: call.slots?.inFlight ?? 0,
          queuedCalls: this.#budget.calls,
        },
      ),
    );
  }

  #shed(call: HeldCall, refusal: StatusObject): void {
    this.#shedCalls += 1;
    call.end(refusal);
    const explanation = explanationOf(refusal);
    if (this.onShed.hasListeners && explanation !== undefined) this.onShed.emit({ call: call.info, explanation });
  }
}
