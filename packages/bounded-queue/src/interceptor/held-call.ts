import { AsyncResource } from 'node:async_hooks';
import {
  InterceptorConfigurationError,
  propagate,
  status,
  type InterceptingListener,
  type InterceptorOptions,
  type Metadata,
  type StatusObject,
} from '@grpc/grpc-js';
import type { CallExplanation, CallInfo, CallKind } from '@grpc-manifold/core';
import {
  callDeadlineMs,
  callKindOf,
  currentDeadlineMs,
  currentTurn,
  deadlineStatus,
  dueMsOf,
  explainedStatus,
  explanationOf,
  HeldOperations,
  messageOf,
  promptly,
  settleWrite,
  tellMessage,
  tellMetadata,
  tellStatus,
  throwLater,
  THREW_BELOW,
  wordedStatus,
  type ChildCall,
  type Clock,
  type MessageContext,
  type ParentCall,
  type Timed,
} from '@grpc-manifold/core/internal';
import type { Queued } from '../queue/index.js';
import { GuardedCall, type NextInterceptingCall } from './guarded-call.js';
import type { Slots } from './slots.js';

/** Makes the call below an interceptor. */
export type NextCall = (options: InterceptorOptions) => NextInterceptingCall;

/** Who decides when a call goes out, and keeps the books. */
export interface CallAdmission {
  readonly clock: Clock;
  /** Calls back in the next turn of the event loop. */
  soon(callback: () => void): void;
  /** A call was started: open it, let it wait, or refuse it. */
  admit(call: HeldCall): void;
  /** A waiting call holds more bytes. */
  addBytes(call: HeldCall, bytes: number): void;
  /** Milliseconds that a waiting call has waited. */
  waitedMs(call: HeldCall): number;
  /** What a waiting call waits for, with the numbers. */
  awaited(call: HeldCall): CallExplanation;
  /**
   * A call has its status: give back what it holds, before anybody is told.
   *
   * @param isAnswered it is the status of the call below, not one of ours.
   */
  release(call: HeldCall, ending: StatusObject, isAnswered: boolean): void;
}

/** Where a call is: made, waiting, handed to the call below, or in possession of its status. */
type Phase = 'created' | 'waiting' | 'running' | 'ended';

/**
 * One call of a client with the interceptor: what the client's side holds, and the listener of the call below, in one
 * object. The call below is made only at admission, since a grpc-js call that is made and not started outlives its
 * deadline and its cancel. It carries its own places in the queue and among the deadlines.
 */
export class HeldCall implements CallInfo, ChildCall, InterceptingListener, NextInterceptingCall, Queued, Timed {
  queueLinks: Queued['queueLinks'];
  childNode: ChildCall['childNode'];
  dueMs = Infinity;
  heapIndex = -1;
  /** Where it takes its slot, and waits for it. */
  slots: Slots<HeldCall> | undefined;
  /** Milliseconds that it waited. */
  queueWaitMs = 0;
  /** When it got its slot, in monotonic milliseconds; -1 while it never had one. */
  admittedMs = -1;
  /** How many had a slot then, it included. */
  inFlightAtAdmission = 0;
  /** Epoch milliseconds, that of a parent included; Infinity for none. */
  readonly deadline: number;
  readonly kind: CallKind;
  #phase: Phase = 'created';
  #inner: NextInterceptingCall | undefined;
  /** The same, from when it was started. */
  #below: GuardedCall | undefined;
  /** The turn of the event loop in which the call below was started. */
  #openedIn = -1;
  #metadata: Metadata | undefined;
  #listener: InterceptingListener | undefined;
  #held: HeldOperations<unknown> | undefined;
  /** Monotonic; only where it has a deadline. */
  #createdMs = 0;
  /** Of a call that waited: it is admitted inside somebody else's callback. */
  #scope: AsyncResource | undefined;
  /** Our own ending. */
  #ending: StatusObject | undefined;

  constructor(
    private readonly admission: CallAdmission,
    private readonly options: InterceptorOptions,
    private readonly nextCall: NextCall,
  ) {
    this.deadline = callDeadlineMs(options.deadline ?? Infinity, this.parent, options.propagate_flags);
    this.kind = callKindOf(options.method_definition);
    if (this.deadline === Infinity) return;
    // Counted from here, as in grpc-js, whatever the wall clock is set to meanwhile.
    this.#createdMs = admission.clock.elapsed();
    this.dueMs = dueMsOf(this.deadline, admission.clock);
  }

  get phase(): Phase {
    return this.#phase;
  }

  get method(): string {
    return this.options.method_definition.path;
  }

  get host(): string | undefined {
    return this.options.host;
  }

  get metadata(): Metadata {
    return this.#metadata as Metadata;
  }

  get parent(): ParentCall | null {
    return (this.options.parent ?? null) as ParentCall | null;
  }

  get propagateFlags(): number | undefined {
    return this.options.propagate_flags;
  }

  /** Bytes of the messages that it was given and has not handed on. */
  get heldBytes(): number {
    return this.#held?.bytes ?? 0;
  }

  /** What is known of the call, for events. */
  get info(): CallInfo {
    const { method, kind, deadline, host, metadata } = this;
    return { method, kind, deadline, host, metadata };
  }

  // ── what the client's side asks ───────────────────────────────────────────────────────────────────────────────────

  start(metadata: Metadata, listener?: Partial<InterceptingListener>): void {
    this.#metadata = metadata;
    this.#listener = listener as InterceptingListener | undefined;
    if (this.#ending === undefined) this.admission.admit(this);
    else this.#tellLater(this.#ending);
  }

  startRead(): void {
    if (this.#phase === 'ended') return;
    if (this.#below === undefined) this.#hold().startRead();
    else this.#below.startRead();
  }

  sendMessage(message: unknown): void {
    this.sendMessageWithContext({}, message);
  }

  sendMessageWithContext(context: MessageContext, message: unknown): void {
    if (this.#phase === 'ended') {
      // grpc-js would count it against the retry buffer of the channel and never free it.
      settleWrite(context);
    } else if (this.#below === undefined || this.#held?.replaying === true) {
      this.#holdMessage(context, message);
    } else {
      this.#below.sendMessageWithContext(context, message);
    }
  }

  halfClose(): void {
    if (this.#phase === 'ended') return;
    if (this.#below === undefined || this.#held?.replaying === true) this.#hold().halfClose();
    else this.#below.halfClose();
  }

  cancelWithStatus(code: status, details: string): void {
    const ending = (): StatusObject =>
      explainedStatus(code, details, {
        queueWaitMs: this.#waitedMs(),
        ...(this.#inner === undefined ? { neverSent: true } : {}),
      });
    const inner = this.#inner;
    if (this.#phase !== 'running' || inner === undefined) return this.end(ending());
    this.#cancelBelow(inner, code, details);
    // grpc-js tells the status in this tick, but loses it where an interceptor below holds the start back: the slot
    // would be lost with it.
    this.admission.soon(() => this.end(ending()));
  }

  /** As grpc-js says it of a call that has no connection yet. */
  getPeer(): string {
    return this.#inner?.getPeer() ?? 'unknown';
  }

  getAuthContext(): ReturnType<NextInterceptingCall['getAuthContext']> {
    return this.#inner?.getAuthContext() ?? null;
  }

  // ── what the admission does with it ───────────────────────────────────────────────────────────────────────────────

  /** It waits for a slot. Its metadata is from now on its own, as grpc-js makes it at the start of a call. */
  wait(): void {
    this.#phase = 'waiting';
    this.#metadata = this.#metadata?.clone();
    this.#scope = new AsyncResource('GRPCMANIFOLD_CALL');
  }

  /** It has its slot: makes the call below. */
  open(): void {
    this.#phase = 'running';
    if (this.#scope === undefined) this.#open();
    else this.#scope.runInAsyncScope(this.#open, this);
  }

  /** Ends it from our side, unless it has ended. */
  end(ending: StatusObject): void {
    if (this.#phase === 'ended') return;
    this.#ending ??= ending;
    if (this.#listener === undefined) return;
    this.#phase = 'ended';
    this.admission.release(this, ending, false);
    this.#tellLater(ending);
  }

  /** The status of a deadline that has passed. */
  deadlineStatus(): StatusObject {
    const waited = this.#phase === 'waiting' ? this.admission.awaited(this) : {};
    return deadlineStatus(this.admission.clock.elapsed() - this.#createdMs, {
      queueWaitMs: this.#waitedMs(),
      neverSent: true,
      ...waited,
    });
  }

  // ── what the call below tells ─────────────────────────────────────────────────────────────────────────────────────

  onReceiveMetadata(metadata: Metadata): void {
    if (this.#phase === 'running') this.#tell(tellMetadata, metadata);
  }

  onReceiveMessage(message: unknown): void {
    if (this.#phase === 'running') this.#tell(tellMessage, message);
  }

  onReceiveStatus(received: StatusObject): void {
    if (this.#phase !== 'running') return;
    this.#phase = 'ended';
    this.#held?.drop();
    this.admission.release(this, received, true);
    this.#tell(tellStatus, received.code === status.OK ? received : this.#explained(received));
  }

  #open(): void {
    try {
      const inner = this.nextCall(this.#currentOptions());
      this.#inner = inner;
      this.#openedIn = currentTurn();
      // Also one that was ended meanwhile: made and never started, it would hold its channel for good.
      inner.start(this.#metadata as Metadata, this);
      if (this.#phase === 'running') {
        this.#below = new GuardedCall(inner, (error) => this.#failBelow(error));
        this.#held?.replayOn(this.#below);
      } else if (this.#ending !== undefined) {
        this.#cancelBelow(inner, this.#ending.code, this.#ending.details);
      }
    } catch (error) {
      this.#failBelow(error);
    }
  }

  /**
   * What is below reads the deadline on the wall clock of its own start. Where that was set while the call waited, the
   * call gets the deadline that leaves the time which is left, and that of its parent, which is part of it, no more.
   */
  #currentOptions(): InterceptorOptions {
    const { options } = this;
    if (this.#scope === undefined || this.dueMs === Infinity) return options;
    const deadline = currentDeadlineMs(this.deadline, this.dueMs, this.admission.clock);
    if (deadline === this.deadline) return options;
    return {
      ...options,
      deadline,
      propagate_flags: (options.propagate_flags ?? propagate.DEFAULTS) & ~propagate.DEADLINE,
    };
  }

  /** What is below threw, and owes us a status that may never come. */
  #failBelow(error: unknown): void {
    const inner = this.#inner;
    // Nothing was begun, as on a channel that was closed: another try may go well.
    const isRetriable = inner === undefined && !(error instanceof InterceptorConfigurationError);
    const code = isRetriable ? status.UNAVAILABLE : status.INTERNAL;
    const explanation = { queueWaitMs: Math.round(this.queueWaitMs) };
    const ending = wordedStatus(code, THREW_BELOW, { error: messageOf(error) }, explanation);
    this.end(ending);
    if (inner !== undefined) this.#cancelBelow(inner, code, ending.details);
  }

  /**
   * A grpc-js call that is cancelled in the tick of its start opens its stream in spite of it, and never ends it
   * (resolving-call.ts, after `sendMetadata`): such a cancel comes in the next turn.
   */
  #cancelBelow(inner: NextInterceptingCall, code: status, details: string): void {
    const cancel = (): void => {
      try {
        inner.cancelWithStatus(code, details);
      } catch {
        // What is below is broken, and may have thrown before: its call has its status from us.
      }
    };
    if (this.#openedIn === currentTurn()) this.admission.soon(cancel);
    else cancel();
  }

  /** Its bytes are known only by making them; grpc-js makes them anew, of what the interceptors below leave of it. */
  #holdMessage(context: MessageContext, message: unknown): void {
    let bytes = 0;
    if (this.#phase !== 'running') {
      try {
        bytes = this.options.method_definition.requestSerialize(message).length;
      } catch (error) {
        settleWrite(context);
        this.cancelWithStatus(status.INTERNAL, `Request message serialization failure: ${messageOf(error)}`);
        return;
      }
    }
    this.#hold().sendMessage(context, message, bytes);
    if (this.#phase === 'waiting') this.admission.addBytes(this, bytes);
  }

  #hold(): HeldOperations<unknown> {
    this.#held ??= new HeldOperations();
    return this.#held;
  }

  #waitedMs(): number {
    return Math.round(this.#phase === 'waiting' ? this.admission.waitedMs(this) : this.queueWaitMs);
  }

  /** Says how long it waited, besides what a layer below has said. */
  #explained(received: StatusObject): StatusObject {
    if (this.queueWaitMs === 0) return received;
    const below = explanationOf(received);
    const queueWaitMs = Math.round(this.queueWaitMs + (below?.queueWaitMs ?? 0));
    return explainedStatus(received.code, received.details, { ...below, queueWaitMs }, received.metadata);
  }

  /** What a listener throws is its owner's to catch; thrown into what is below it would cost the call its status. */
  #tell<What>(how: (listener: InterceptingListener | undefined, what: What) => void, what: What): void {
    try {
      if (this.#scope === undefined) how(this.#listener, what);
      else this.#scope.runInAsyncScope(how, undefined, this.#listener, what);
    } catch (error) {
      throwLater(error);
    }
  }

  /**
   * Never in the caller's own stack, soon, and yet so that a caller that answers each refusal by a new call does not
   * keep the event loop to itself.
   */
  #tellLater(ending: StatusObject): void {
    this.#phase = 'ended';
    this.#held?.drop();
    promptly(() => this.#tell(tellStatus, ending));
  }
}
