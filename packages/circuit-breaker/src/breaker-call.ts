import type {
  InterceptingCall,
  InterceptingListener,
  InterceptorOptions,
  Metadata,
  StatusObject,
  status,
} from '@grpc/grpc-js';
import type { CallInfo } from '@grpc-manifold/core';
import {
  callDeadlineMs,
  callKindOf,
  explanationOf,
  explainedStatus,
  HeldOperations,
  promptly,
  settleWrite,
  tellMessage,
  tellMetadata,
  tellStatus,
  type MessageContext,
  type ParentCall,
} from '@grpc-manifold/core/internal';
import type { Breaker, JudgedCall } from './breaker.js';
import type { Breakers } from './breakers.js';
import { breakerRefusal } from './refusal.js';
import type { CallJudgement } from './call-judgement.js';

/** What an `InterceptingCall` goes on with; grpc-js exports no name for it. */
type NextInterceptingCall = ConstructorParameters<typeof InterceptingCall>[0];

/** Makes the call below an interceptor. */
export type NextCall = (options: InterceptorOptions) => NextInterceptingCall;

/** Where a call is: made, let through, or in possession of its status. */
type Phase = 'created' | 'running' | 'ended';

/**
 * One call of a client with the interceptor. The call below is made only when it is let through, since a grpc-js call
 * that is made and not started outlives its deadline and its cancel. From then on both sides meet as if this were not
 * between them.
 */
export class BreakerCall implements InterceptingListener, JudgedCall, NextInterceptingCall {
  period = -1;
  isAnswered = false;
  isSlow = false;
  #phase: Phase = 'created';
  #inner: NextInterceptingCall | undefined;
  #listener: InterceptingListener | undefined;
  #held: HeldOperations<unknown> | undefined;
  /** Of its circuit, until it is settled; undefined for one that is not judged. */
  #breaker: Breaker | undefined;
  #startedMs = 0;
  #isTimed = false;
  #isSlownessTold = false;
  /** A cancel before the start. */
  #ending: StatusObject | undefined;

  constructor(
    private readonly breakers: Breakers,
    private readonly options: InterceptorOptions,
    private readonly nextCall: NextCall,
  ) {}

  // ── what the client's side asks ───────────────────────────────────────────────────────────────────────────────────

  start(metadata: Metadata, listener?: Partial<InterceptingListener>): void {
    this.#listener = listener as InterceptingListener | undefined;
    if (this.#ending !== undefined) return this.#endLater(this.#ending);
    const { breakers } = this;
    const breaker = breakers.asksForInfo
      ? breakers.ofCall(this.#info(metadata))
      : breakers.ofMethod(this.options.method_definition.path);
    if (breaker?.admit(this) === false) return this.#endLater(breakerRefusal(breaker));
    this.#breaker = breaker;
    this.#phase = 'running';
    this.#open(metadata);
  }

  startRead(): void {
    if (this.#inner === undefined) this.#hold()?.startRead();
    else this.#inner.startRead();
  }

  sendMessage(message: unknown): void {
    this.sendMessageWithContext({}, message);
  }

  sendMessageWithContext(context: MessageContext, message: unknown): void {
    if (this.#phase === 'ended') {
      // grpc-js would count it against the retry buffer of the channel and never free it.
      settleWrite(context);
    } else if (this.#inner === undefined || this.#held?.replaying === true) {
      // Only the queues count bytes; this has none of them but before the start.
      this.#hold()?.sendMessage(context, message, 0);
    } else {
      this.#inner.sendMessageWithContext(context, message);
    }
  }

  halfClose(): void {
    if (this.#inner === undefined || this.#held?.replaying === true) this.#hold()?.halfClose();
    else this.#inner.halfClose();
  }

  cancelWithStatus(code: status, details: string): void {
    // Its status may never come, where an interceptor below holds the start back.
    this.#settle('ignored', undefined);
    if (this.#inner !== undefined) this.#inner.cancelWithStatus(code, details);
    else if (this.#phase === 'created') this.#ending ??= explainedStatus(code, details, {});
  }

  /** As grpc-js says it of a call that has no connection yet. */
  getPeer(): string {
    return this.#inner?.getPeer() ?? 'unknown';
  }

  getAuthContext(): ReturnType<NextInterceptingCall['getAuthContext']> {
    return this.#inner?.getAuthContext() ?? null;
  }

  // ── what the call below tells ─────────────────────────────────────────────────────────────────────────────────────

  onReceiveMetadata(metadata: Metadata): void {
    this.#time();
    // A unary call has its answer with its message: headers alone may be those of a server that hangs.
    if (this.options.method_definition.responseStream || this.options.method_definition.requestStream) this.#answer();
    tellMetadata(this.#listener, metadata);
  }

  onReceiveMessage(message: unknown): void {
    this.#time();
    this.#answer();
    tellMessage(this.#listener, message);
  }

  onReceiveStatus(received: StatusObject): void {
    this.#time();
    this.#phase = 'ended';
    this.#held?.drop();
    if (this.#breaker !== undefined) {
      const explanation = explanationOf(received);
      this.#settle(this.breakers.judgeCall(received, explanation), explanation?.channelId);
    }
    tellStatus(this.#listener, received);
  }

  #open(metadata: Metadata): void {
    const { clock, options } = this.breakers;
    if (this.#breaker === undefined || options.slowCallMs === Infinity) this.#isTimed = true;
    else this.#startedMs = clock.elapsed();
    try {
      const inner = (this.#inner = this.nextCall(this.options));
      inner.start(metadata, this);
      if (this.#phase === 'running') this.#held?.replayOn(inner);
    } catch (error) {
      // As without us, for the caller to see; but its place is free again.
      this.#settle('ignored', undefined);
      if (this.#inner === undefined) {
        this.#phase = 'ended';
        this.#held?.drop();
      }
      throw error;
    }
  }

  /** Its first answer, or its end without one. */
  #time(): void {
    if (this.#isTimed) return;
    this.#isTimed = true;
    this.isSlow = this.breakers.clock.elapsed() - this.#startedMs > this.breakers.options.slowCallMs;
  }

  #answer(): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    // A stream may go on for days. How long it took to begin is known now.
    if (!this.options.method_definition.responseStream || this.#breaker === undefined) return;
    this.#isSlownessTold = true;
    this.#breaker.answered(this);
  }

  #settle(judgement: CallJudgement, channelId: number | undefined): void {
    const breaker = this.#breaker;
    this.#breaker = undefined;
    breaker?.settle(this, judgement, channelId, this.#isSlownessTold);
  }

  #info(metadata: Metadata): CallInfo {
    const { method_definition: method, deadline = Infinity, host, parent, propagate_flags: flags } = this.options;
    return {
      method: method.path,
      kind: callKindOf(method),
      deadline: callDeadlineMs(deadline, (parent ?? null) as ParentCall | null, flags),
      host,
      metadata,
    };
  }

  /** Nothing is kept for a call that has ended. */
  #hold(): HeldOperations<unknown> | undefined {
    if (this.#phase === 'ended') return undefined;
    this.#held ??= new HeldOperations();
    return this.#held;
  }

  /** Never in the caller's own stack. */
  #endLater(ending: StatusObject): void {
    this.#phase = 'ended';
    this.#held?.drop();
    promptly(() => tellStatus(this.#listener, ending));
  }
}
