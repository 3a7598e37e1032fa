import type { CallKind } from '@grpc-manifold/core';
import type { AdmissionQueue, Queued } from '../queue/index.js';
import { WaitEstimate } from '../wait-estimate.js';
import { RoundTrips } from './round-trip.js';

/** An expected wait may turn out longer by so much, and the call is still in time. */
const WAIT_MARGIN = 1.25;

/** What waits for a slot. */
interface Waiting extends Queued {
  /** Milliseconds that it waited. */
  queueWaitMs: number;
  readonly kind: CallKind;
  readonly method: string;
}

/** The slots of one limit: how many are taken, who waits for one, and how long a newcomer would. */
export class Slots<Call extends Waiting> {
  /** Calls that hold one. */
  inFlight = 0;
  /** Waiting calls are being let in: whoever gives up a slot meanwhile leaves that to the one who does it. */
  isFlushing = false;
  /** How long the server takes, with what waits in it. */
  readonly roundTrips = new RoundTrips();
  readonly #wait = new WaitEstimate();

  /** @param limit tells how many there are, at this moment. */
  constructor(
    readonly queue: AdmissionQueue<Call>,
    private readonly currentLimit: () => number,
  ) {}

  /** How many there are at this moment. */
  get limit(): number {
    return this.currentLimit();
  }

  /** One can be had. With none in flight always: a limit that lets nothing out never learns anything. */
  get hasRoom(): boolean {
    return this.inFlight < 1 || this.inFlight + 1 <= this.limit;
  }

  /** Takes out of the queue the call that is to go next. */
  next(nowMs: number): Call | undefined {
    const call = this.queue.peek();
    if (call === undefined) return undefined;
    call.queueWaitMs = this.queue.waitedMs(call);
    this.queue.remove(call);
    this.#wait.admitted(nowMs, this.queue.size > 0);
    return call;
  }

  /**
   * Milliseconds within which a newcomer would have its answer: its wait and the round trip, 0 where nothing can be
   * said.
   */
  expectedMs(call: Call, nowMs: number): number {
    const roundTripMs = call.kind === 'unary' ? this.roundTrips.mostMs(call.method) : 0;
    return this.#wait.expectedMs(this.queue.ahead(call), nowMs) * WAIT_MARGIN + roundTripMs;
  }

  /** The usual round trip alone. A stream may be of use to its caller long before it ends. */
  roundTripMs(call: Call): number {
    return call.kind === 'unary' ? this.roundTrips.meanMs(call.method) : 0;
  }
}
