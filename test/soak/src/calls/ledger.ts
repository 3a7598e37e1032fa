import { InterceptingCall, status, type Interceptor, type StatusObject } from '@grpc/grpc-js';
import { explain } from 'grpc-manifold';
import type { Violations } from '../violations.js';
import type { CallPlan, SoakCallKind } from './call-plan.js';
import { callIdOf } from './placements.js';

/** What became of a call, in one word. */
export type CallEnding =
  | 'ok'
  /** With the status that it asked for. */
  | 'asked'
  | 'cancelled'
  | 'deadline'
  /** Refused before a byte of it was sent. */
  | 'refused'
  /** Its connection failed it. */
  | 'failed';

/** A call whose end its caller has not been told of yet. */
interface OpenCall {
  readonly plan: CallPlan;
  readonly startedMs: number;
  hasLeft: boolean;
  /** Told below the generated client, which would hide a second one. */
  rawStatuses: number;
  statuses: number;
  isTold: boolean;
}

/** Tells of the end of a call. */
export type OnEnding = (id: number, ending: CallEnding, received: StatusObject, plan: CallPlan) => void;

/** A call without a status so long after it had every reason to end has lost it. */
const PATIENCE_MS = 45_000;

/** Sees to it that every call ends once, and counts how. */
export class Ledger {
  readonly #open = new Map<number, OpenCall>();
  readonly #counts = new Map<SoakCallKind, Record<CallEnding, number>>();
  readonly #violations: Violations;
  readonly #onEnding: OnEnding;
  #lastId = 0;

  constructor(violations: Violations, onEnding: OnEnding) {
    this.#violations = violations;
    this.#onEnding = onEnding;
  }

  /** Opens an entry. Returns the id of the call. */
  begin(plan: CallPlan): number {
    const id = ++this.#lastId;
    this.#open.set(id, {
      plan,
      startedMs: performance.now(),
      hasLeft: false,
      rawStatuses: 0,
      statuses: 0,
      isTold: false,
    });
    return id;
  }

  get startedCalls(): number {
    return this.#lastId;
  }

  get openCalls(): number {
    return this.#open.size;
  }

  /** By kind of call. */
  counts(): ReadonlyMap<SoakCallKind, Readonly<Record<CallEnding, number>>> {
    return this.#counts;
  }

  /** Counts the statuses that come out of the channel. */
  readonly interceptor: Interceptor = (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) => {
        const id = callIdOf(metadata);
        next(metadata, {
          onReceiveStatus: (received, pass) => {
            const call = this.#open.get(id);
            if (call === undefined || call.rawStatuses > 0) {
              this.#violations.add('one status a call', `another ${status[received.code]}: ${received.details}`);
            }
            if (call !== undefined) call.rawStatuses += 1;
            pass(received);
          },
        });
      },
    });

  leave(id: number): void {
    const call = this.#open.get(id);
    if (call !== undefined) call.hasLeft = true;
  }

  told(id: number): void {
    const call = this.#open.get(id);
    if (call === undefined || call.isTold) {
      this.#violations.add('a caller is told once', call === undefined ? 'after the end' : call.plan.kind);
      return;
    }
    call.isTold = true;
    this.#close(id, call);
  }

  status(id: number, received: StatusObject): void {
    const call = this.#open.get(id);
    if (call === undefined || call.statuses > 0) {
      this.#violations.add('one status a call', `told another ${status[received.code]}: ${received.details}`);
      return;
    }
    call.statuses += 1;
    const ending = endingOf(call, received);
    this.#countsOf(call.plan.kind)[ending] += 1;
    this.#onEnding(id, ending, received, call.plan);
    this.#close(id, call);
  }

  /** Complains of calls that should have ended long ago. */
  check(): void {
    const nowMs = performance.now();
    for (const [id, call] of this.#open) {
      const { plan, startedMs } = call;
      const ownMs = plan.deadlineMs ?? plan.cancelAfterMs ?? plan.messages * (plan.delayMs + 50);
      if (nowMs - startedMs < ownMs + PATIENCE_MS) continue;
      const facts = `${call.statuses} statuses, ${call.isTold ? '' : 'not '}told, of ${JSON.stringify(plan)}`;
      this.#violations.add('every call ends', facts);
      this.#open.delete(id);
    }
  }

  /** Of every call both must come, the status and the word to the caller. */
  #close(id: number, call: OpenCall): void {
    if (call.isTold && call.statuses > 0) this.#open.delete(id);
  }

  #countsOf(kind: SoakCallKind): Record<CallEnding, number> {
    let counts = this.#counts.get(kind);
    if (counts === undefined) {
      counts = { ok: 0, asked: 0, cancelled: 0, deadline: 0, refused: 0, failed: 0 };
      this.#counts.set(kind, counts);
    }
    return counts;
  }
}

function endingOf({ plan, hasLeft }: OpenCall, received: StatusObject): CallEnding {
  const { code } = received;
  if (code === status.OK) return 'ok';
  if (explain(received)?.refusedBy !== undefined) return 'refused';
  if (code === status.CANCELLED && hasLeft) return 'cancelled';
  if (code === status.DEADLINE_EXCEEDED && plan.deadlineMs !== undefined) return 'deadline';
  if (Number(code) === plan.statusCode) return 'asked';
  return 'failed';
}
