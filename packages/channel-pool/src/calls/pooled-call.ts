import { AsyncResource } from 'node:async_hooks';
import {
  status,
  type CallCredentials,
  type InterceptingListener,
  type Metadata,
  type StatusObject,
} from '@grpc/grpc-js';
import type { Queued } from '@grpc-manifold/bounded-queue/internal';
import type { CallExplanation, CallInfo, CallKind, ChannelCall } from '@grpc-manifold/core';
import {
  deadlineStatus,
  dueMsOf,
  explainedStatus,
  faultOfStatus,
  HeldOperations,
  markStatus,
  NOT_PROCESSED,
  NOT_TAKEN,
  ListNode,
  promptly,
  settleWrite,
  tellMessage,
  tellMetadata,
  tellStatus,
  throwLater,
  unsendable,
  wordedStatus,
  type ChildCall,
  type Clock,
  type MessageContext,
  type ParentCall,
  type Timed,
} from '@grpc-manifold/core/internal';
import { AwaitedCredentials, type CredentialsObserver } from './awaited-credentials.js';
import type { MethodSettings } from '../options/method-config.js';
import { neverProcessed } from './never-processed.js';
import type { CallSet } from './call-set.js';
import type { EndingStream } from '../member/ending-streams.js';
import type { PooledChannel } from '../member/pooled-channel.js';
import { ReadAhead } from './read-ahead.js';
import { timeoutHeader } from './timeout-header.js';

/** What a client asked for when it created a call. */
export interface CallRequest {
  readonly method: string;
  readonly settings: MethodSettings;
  /** Epoch milliseconds; Infinity for none. */
  readonly deadlineMs: number;
  readonly host: string | null | undefined;
  readonly parent: ParentCall | null;
  readonly propagateFlags: number | null | undefined;
  /** Who owns the call, where that is not the pool itself. */
  readonly owner: CallSet<PooledCall> | undefined;
  /** The pool, which must not be collected before the call has ended. */
  pool: object | undefined;
}

/** Who decides when a call goes out, and keeps the books. */
export interface CallKeeper {
  readonly target: string;
  readonly clock: Clock;
  /** Calls back in the next turn of the event loop. */
  soon(callback: () => void): void;
  /** A call was started: hand it to a connection, let it wait, or refuse it. */
  admit(call: PooledCall): void;
  /** Milliseconds that a waiting call has waited. */
  waitedMs(call: PooledCall): number;
  /** A waiting call holds more bytes. */
  addBytes(call: PooledCall, bytes: number): void;
  /**
   * A connection refused a call before it was processed: hands it to another, or lets it wait for one. False when there is
   * none to try, and the call must end.
   */
  retry(call: PooledCall, refusedBy: PooledChannel, code: status): boolean;
  /** What a waiting call waits for, with the numbers. */
  awaited(): CallExplanation;
  /** The last connection error, where there is no connection. */
  connectionTrouble(): { lastConnectionError?: string };
  /** A call has its status: give back what it holds, before anybody is told. */
  release(call: PooledCall, status: StatusObject): void;
}

/** How often a call is tried again that its connection refused; each time on another one. */
const RETRIES = 1;
/**
 * The same for one that was refused because its connection went away. Each such retry costs a connection, and those are opened
 * one at a time with backoff, so that a server which refuses everything is not called in a loop (docs/decisions/0008).
 */
const RETRIES_AFTER_GOAWAY = 9;

/**
 * Bytes that a stream which awaits its reset may still bring; they are thrown away. Enough for the end of most: a server
 * that heeds the deadline, or has answered, ends it by itself behind what it had sent. One that sends on without end is
 * left to the flow control of its stream, which holds back nothing but that stream.
 */
const DISCARDED_BYTES = 1_048_576;
/** What a message has on the wire besides its own bytes: one of none counts as well. */
const MESSAGE_PREFIX_BYTES = 5;

/** Where a call is: made, waiting for a connection, handed to one, or in possession of its status. */
type Phase = 'created' | 'waiting' | 'running' | 'ended';

/**
 * One call of the pool: the `Call` that the client holds and the listener of the inner call, in one object. It carries
 * its own places in the queue and among the deadlines, and the async context that it was made in, because a call that
 * waits is admitted inside somebody else's callback.
 */
export class PooledCall
  extends AsyncResource
  implements CallInfo, ChannelCall, InterceptingListener, Queued, Timed, EndingStream, ChildCall, CredentialsObserver
{
  queueLinks: Queued['queueLinks'];
  dueMs = Infinity;
  heapIndex = -1;
  resetPlace: EndingStream['resetPlace'];
  placeAtParent: ChildCall['placeAtParent'];
  /** Where it stands among the calls of the pool. */
  readonly poolNode = new ListNode<PooledCall>();
  /** The same among those of its owner, where it has one. */
  ownerNode: ListNode<PooledCall> | undefined;
  /** Milliseconds that it waited before it was handed to a connection. */
  queueWaitMs = 0;
  /** When it was handed to a connection, and first answered, where that is measured; -1 otherwise. */
  handedAtMs = -1;
  answeredAtMs = -1;
  /** The connection that carries it. */
  member: PooledChannel | undefined;
  #phase: Phase = 'created';
  #inner: ChannelCall | undefined;
  #metadata: Metadata | undefined;
  #listener: InterceptingListener | undefined;
  #credentials: CallCredentials | undefined;
  #held: HeldOperations<Buffer> | undefined;
  #reading = false;
  #ahead: ReadAhead | undefined;
  /** Bytes that may still be thrown away. */
  #discardable = 0;
  /** Epoch milliseconds; that of its method config included, once it is started. */
  #deadlineMs: number;
  /** Monotonic; only where it has a deadline. */
  #createdMs = 0;
  /** What must be said again when another connection is tried; undefined when it cannot be. */
  #sent: { readonly context: MessageContext; readonly message: Buffer } | undefined;
  #sentMessages = 0;
  #halfClosed = false;
  #retries = 0;
  /** The lowest number that its stream can have. */
  #streamId = 0;
  #isAnswered = false;
  /** Nothing of it is sent before they have answered. */
  #awaitsCredentials = false;
  #credentialQuestions = 0;
  /** Our own ending: kept for a call that is not started yet, and for a stream that is not reset yet. */
  #ending: StatusObject | undefined;

  constructor(
    private readonly pool: CallKeeper,
    readonly request: CallRequest,
  ) {
    super('GRPCMANIFOLD_CALL');
    const { deadlineMs } = request;
    this.#deadlineMs = deadlineMs;
    if (deadlineMs === Infinity) return;
    // Counted from here, as in grpc-js, whatever the wall clock is set to meanwhile.
    this.#createdMs = pool.clock.elapsed();
    this.dueMs = dueMsOf(deadlineMs, pool.clock);
  }

  get phase(): Phase {
    return this.#phase;
  }

  get method(): string {
    return this.request.method;
  }

  /** A channel is not told. */
  get kind(): CallKind {
    return 'unknown';
  }

  get deadline(): number {
    return this.#deadlineMs;
  }

  get host(): string | undefined {
    return this.request.host ?? undefined;
  }

  get metadata(): Metadata {
    return this.#metadata as Metadata;
  }

  get waitForReady(): boolean {
    return this.#metadata?.getOptions().waitForReady ?? this.request.settings.waitForReady;
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

  // ── what the client asks ──────────────────────────────────────────────────────────────────────────────────────────

  start(metadata: Metadata, listener: InterceptingListener): void {
    this.#metadata = metadata;
    this.#listener = listener;
    if (this.request.settings.timeoutMs !== Infinity) this.#beginTimeout(this.request.settings.timeoutMs);
    if (this.#ending !== undefined) {
      this.#phase = 'ended';
      this.#deliverLater(this.#ending);
      return;
    }
    this.pool.admit(this);
  }

  startRead(): void {
    this.#reading = true;
    if (this.#ahead?.isWanted === false) this.#wantAhead(this.#ahead);
    else if (this.#phase === 'running') this.#inner?.startRead();
    else if (this.#phase !== 'ended') this.#hold().startRead();
  }

  sendMessageWithContext(context: MessageContext, message: Buffer): void {
    const complaint = unsendable(message);
    if (complaint !== undefined) {
      settleWrite(context);
      return this.cancelWithStatus(status.INTERNAL, complaint);
    }
    const { maxRequestBytes } = this.request.settings;
    if (message.length > maxRequestBytes) {
      settleWrite(context);
      const details = `Attempted to send message with a size larger than ${maxRequestBytes}`;
      return this.cancelWithStatus(status.RESOURCE_EXHAUSTED, details);
    }
    this.#sentMessages += 1;
    // One message can be sent again; of more, as many would have to be kept as grpc-js takes for written.
    this.#sent = this.#sentMessages === 1 ? { context: settledOnce(context), message } : undefined;
    if (this.#sent !== undefined) ({ context } = this.#sent);
    if (this.#phase === 'ended') {
      // grpc-js would count it against the retry buffer of the channel and never free it.
      settleWrite(context);
    } else if (this.#phase === 'running' && this.#held?.replaying !== true) {
      this.#inner?.sendMessageWithContext(context, message);
    } else {
      this.#hold().sendMessage(context, message, message.length);
      if (this.#phase === 'waiting') this.pool.addBytes(this, message.length);
    }
  }

  halfClose(): void {
    this.#halfClosed = true;
    if (this.#phase === 'running' && this.#held?.replaying !== true) this.#inner?.halfClose();
    else if (this.#phase !== 'ended') this.#hold().halfClose();
  }

  cancelWithStatus(code: status, details: string): void {
    this.end(explainedStatus(code, details, this.#explanation()));
  }

  setCredentials(credentials: CallCredentials): void {
    this.#credentials = credentials;
  }

  getPeer(): string {
    return this.#inner?.getPeer() ?? this.pool.target;
  }

  getCallNumber(): number {
    return this.#inner?.getCallNumber() ?? 0;
  }

  getAuthContext(): ReturnType<ChannelCall['getAuthContext']> {
    return this.#inner?.getAuthContext() ?? null;
  }

  // ── what the pool does with it ────────────────────────────────────────────────────────────────────────────────────

  /** It waits for a connection. What its caller does with the metadata after the start is nothing to it, as in grpc-js. */
  wait(): void {
    this.#phase = 'waiting';
    this.#metadata = this.#metadata?.clone();
  }

  /** Starts over, as if it had not been handed to a connection yet. */
  rewind(): void {
    this.#phase = 'waiting';
    this.#retries += 1;
    this.member = undefined;
    this.#inner = undefined;
    this.answeredAtMs = -1;
    const held = (this.#held = new HeldOperations<Buffer>());
    if (this.#reading) held.startRead();
    if (this.#sent !== undefined) held.sendMessage(this.#sent.context, this.#sent.message, this.#sent.message.length);
    if (this.#halfClosed) held.halfClose();
  }

  /** Hands it to a connection that has counted it in, in the same tick. */
  handTo(member: PooledChannel): void {
    const waited = this.#phase === 'waiting';
    this.#phase = 'running';
    this.member = member;
    if (waited) this.runInAsyncScope(this.#open, this);
    else this.#open();
  }

  /**
   * Ends it from our side: by its caller's cancel, its deadline, its parent, a bound, or the end of the pool. The caller
   * has the status at once; the connection keeps the stream counted until it has dealt with the ending.
   */
  end(ending: StatusObject): void {
    if (this.#phase === 'ended') return;
    if (this.#phase === 'created' && this.#listener === undefined) {
      this.#ending ??= ending;
      return;
    }
    const wasRunning = this.#phase === 'running';
    const isOver = this.#ahead?.ending !== undefined;
    this.#ahead = undefined;
    this.#phase = 'ended';
    this.#ending = ending;
    this.pool.release(this, ending);
    // The server may have ended it behind a message that nobody has read: there is nothing to reset then.
    if (isOver) this.member?.countOut('answered');
    // The channel threw instead of making the call: there is no stream that could take up room.
    else if (wasRunning && this.#inner === undefined) this.member?.countOut('failed');
    else if (wasRunning) {
      if (!this.#isAnswered && this.handedAtMs >= 0) {
        // What its credentials keep waiting tells nothing of the connection.
        const code = this.#awaitsCredentials ? status.CANCELLED : ending.code;
        this.member?.unanswered(code, this.handedAtMs, this.pool.clock.elapsed());
      }
      this.member?.countOut(this);
    }
    this.#deliverLater(ending);
  }

  /** The status of a deadline that has passed. */
  deadlineStatus(): StatusObject {
    const afterMs = this.pool.clock.elapsed() - this.#createdMs;
    return deadlineStatus(afterMs, this.#explanation(), this.member?.peer ?? this.pool.target);
  }

  // ── what its call credentials tell ────────────────────────────────────────────────────────────────────────────────

  credentialsAsked(): void {
    this.#credentialQuestions += 1;
    this.#awaitsCredentials = true;
  }

  credentialsAnswered(): void {
    this.#awaitsCredentials = false;
  }

  channelHasNone(): void {
    if (this.member !== undefined) this.member.mayHaveCallCredentials = false;
  }

  // ── what the inner call tells; told on in the context that the call was made in ─────────────────────────────────────

  onReceiveMetadata(metadata: Metadata): void {
    this.member?.sawLife();
    if (this.#phase !== 'running') return;
    this.#isAnswered = true;
    if (this.handedAtMs >= 0) {
      this.answeredAtMs = this.pool.clock.elapsed();
      this.member?.answered(this.handedAtMs, this.answeredAtMs);
    }
    try {
      this.runInAsyncScope(tellMetadata, undefined, this.#listener, metadata);
    } catch (error) {
      this.#throwLater(error);
    }
    if (!this.#reading) this.#readAhead();
  }

  onReceiveMessage(message: unknown): void {
    this.member?.sawLife();
    const { maxResponseBytes } = this.request.settings;
    const { length } = message as Buffer;
    if (length > maxResponseBytes && this.#phase === 'running') {
      const details = `Received message larger than max (${length} vs ${maxResponseBytes})`;
      return this.cancelWithStatus(status.RESOURCE_EXHAUSTED, details);
    }
    this.#receive(message);
  }

  onReceiveStatus(received: StatusObject): void {
    if (this.#phase !== 'running') {
      this.member?.abandonedEnded(this);
      return;
    }
    if (this.#ahead?.hasMessage === true && received.code === status.OK) {
      this.member?.sawLife();
      this.#ahead.ending = received;
      return;
    }
    this.#ahead = undefined;
    const { member } = this;
    if (!this.#isAnswered && this.handedAtMs >= 0) {
      member?.concluded(received, this.handedAtMs, this.pool.clock.elapsed());
    }
    if (member !== undefined && this.#canRetry(received) && this.pool.retry(this, member, received.code)) {
      member.countOut('failed');
      return;
    }
    this.#phase = 'ended';
    if (received.code === status.OK && member !== undefined) {
      member.sawLife();
      // A circuit breaker tells members apart by the calls that went well on them, too.
      markStatus(received, member.carried);
    }
    const finished = received.code === status.OK ? received : this.#explained(received);
    this.#held?.drop();
    this.pool.release(this, finished);
    this.member?.countOut(received.code === status.OK ? 'answered' : 'failed');
    this.runInAsyncScope(tellStatus, undefined, this.#listener, finished);
  }

  // ── what its connection does with a stream that we ended ──────────────────────────────────────────────────────────

  reset(): void {
    this.#discardable = 0;
    const inner = this.#inner;
    if (inner === undefined) return;
    const { code, details } = this.#ending as StatusObject;
    inner.cancelWithStatus(code, details);
    // A grpc-js call that was started in this very tick has no stream yet, and opens it in spite of the cancel
    // (resolving-call.ts, after `sendMetadata`); until then it names the target as its peer. Cancelled again, it ends it.
    if (inner.getPeer() === this.pool.target) this.pool.soon(() => inner.cancelWithStatus(code, details));
  }

  /** Reads on, so that the server's own end gets through and gives the room back before the reset does. */
  awaitReset(): void {
    this.#discardable = DISCARDED_BYTES;
    this.#inner?.startRead();
  }

  /** The timeout of the method config is counted from the start; what is earlier holds. */
  #beginTimeout(timeoutMs: number): void {
    const { clock } = this.pool;
    const nowMs = clock.elapsed();
    if (nowMs + timeoutMs >= this.dueMs) return;
    if (this.dueMs === Infinity) this.#createdMs = nowMs;
    this.dueMs = nowMs + timeoutMs;
    this.#deadlineMs = clock.now() + timeoutMs;
  }

  #open(): void {
    const { method, host, propagateFlags } = this.request;
    try {
      const member = this.member as PooledChannel;
      // Deadline and parent are ours: grpc-js would end the stream from a timer of its own, and never let the parent go.
      const inner = member.channel.createCall(method, Infinity, host, null, propagateFlags);
      this.#inner = inner;
      this.#streamId = member.nextStreamId;
      if (this.#credentials !== undefined || member.mayHaveCallCredentials) {
        inner.setCredentials(new AwaitedCredentials(this.#credentials, this));
      }
      let metadata = this.#metadata as Metadata;
      if (this.dueMs !== Infinity) {
        metadata = metadata.clone();
        metadata.set('grpc-timeout', timeoutHeader(this.dueMs - this.pool.clock.elapsed()));
      }
      inner.start(metadata, this);
      this.#held?.replayOn(inner);
    } catch (error) {
      const said = { channelId: this.member?.id ?? 0, error: String(error) };
      this.end(wordedStatus(status.UNAVAILABLE, NOT_TAKEN, said, this.#explanation()));
    }
  }

  #hold(): HeldOperations<Buffer> {
    this.#held ??= new HeldOperations();
    return this.#held;
  }

  #receive(message: unknown): void {
    if (this.#phase !== 'running') return this.#discard(message as Buffer);
    const ahead = this.#ahead;
    if (ahead === undefined || (ahead.isWanted && !ahead.hasMessage)) {
      this.#ahead = undefined;
      this.#tellMessage(message);
    } else if (ahead.hasMessage) {
      // The client has asked for both.
      this.#tellAhead();
      this.#receive(message);
    } else {
      ahead.hasMessage = true;
      ahead.message = message;
    }
  }

  #tellMessage(message: unknown): void {
    try {
      this.runInAsyncScope(tellMessage, undefined, this.#listener, message);
    } catch (error) {
      this.#throwLater(error);
    }
  }

  /** Whoever is told of the headers may have ended it. */
  #readAhead(): void {
    if (this.#phase !== 'running') return;
    this.#ahead = new ReadAhead();
    this.#inner?.startRead();
  }

  /** Never in the stack of whoever asks, as in grpc-js. */
  #wantAhead(ahead: ReadAhead): void {
    ahead.isWanted = true;
    if (ahead.hasMessage) process.nextTick(() => this.#tellAhead());
  }

  #tellAhead(): void {
    const ahead = this.#ahead;
    if (ahead === undefined) return;
    const { message, ending } = ahead;
    // One that has ended stays so while its client is told: should that cancel it, there is nothing to reset.
    ahead.hasMessage = false;
    if (ending === undefined) this.#ahead = undefined;
    this.#tellMessage(message);
    if (ending !== undefined) this.onReceiveStatus(ending);
  }

  #discard(message: Buffer): void {
    if (this.#discardable <= 0) return;
    this.#discardable -= message.length + MESSAGE_PREFIX_BYTES;
    if (this.#discardable > 0) this.#inner?.startRead();
  }

  /** Only what never reached the server, all of which we still have, and not for ever. */
  #canRetry(received: StatusObject): boolean {
    const whole = this.#sentMessages === 0 || this.#sent !== undefined;
    const most = this.member?.isLive === true ? RETRIES : RETRIES_AFTER_GOAWAY;
    return (
      this.#retries < most &&
      !this.#isAnswered &&
      whole &&
      this.#metadata !== undefined &&
      (neverProcessed(received) || this.#wasNeverActedOn())
    );
  }

  #wasNeverActedOn(): boolean {
    const { member } = this;
    const inner = this.#inner;
    return member !== undefined && inner !== undefined && member.neverActedOn(inner, this.#streamId);
  }

  #explanation(): CallExplanation {
    const isWaiting = this.#phase === 'waiting';
    const queueWaitMs = Math.round(isWaiting ? this.pool.waitedMs(this) : this.queueWaitMs);
    const { member } = this;
    if (member === undefined) {
      const neverSent = this.#retries === 0 ? ({ neverSent: true } as const) : {};
      return { queueWaitMs, ...neverSent, ...(isWaiting ? this.pool.awaited() : this.pool.connectionTrouble()) };
    }
    return { queueWaitMs, channelId: member.id, ...this.#retried(member), ...this.#unsent() };
  }

  #retried({ id }: PooledChannel): CallExplanation {
    return this.#retries > 0 ? { retriedOn: id } : {};
  }

  #unsent(): CallExplanation {
    if (!this.#awaitsCredentials) return {};
    // grpc-js asks them again for an attempt of its own.
    const isFirst = this.#retries === 0 && this.#credentialQuestions === 1;
    return { waitedFor: 'credentials', ...(isFirst ? { neverSent: true } : {}) };
  }

  /** What a listener throws is its owner's to catch; thrown into grpc-js it would cost the call its status. */
  #throwLater(error: unknown): void {
    this.runInAsyncScope(throwLater, undefined, error);
  }

  #explained(received: StatusObject): StatusObject {
    const { member } = this;
    const isConnections = member?.isLost === true || (neverProcessed(received) && member?.fault !== undefined);
    const loss = member?.lossOf(received);
    const fault = isConnections ? member.fault : (loss ?? faultOfStatus(received));
    const explanation = { ...this.#explanation(), ...(fault === undefined ? {} : { fault }) };
    // grpc-js has INTERNAL for most errors of a socket (docs/decisions/0022).
    const code = loss === undefined ? received.code : status.UNAVAILABLE;
    if (isConnections && fault !== undefined && neverProcessed(received)) {
      const said = { connections: this.#retries + 1, fault };
      return wordedStatus(code, NOT_PROCESSED, said, explanation, received.metadata);
    }
    return explainedStatus(code, received.details, explanation, received.metadata);
  }

  /**
   * Never in the caller's own stack, always in the context that the call was made in, soon, and yet so that a caller that
   * answers each refusal by a new call does not keep the event loop to itself.
   */
  #deliverLater(ending: StatusObject): void {
    this.#held?.drop();
    promptly(() => this.runInAsyncScope(tellStatus, undefined, this.#listener, ending));
  }
}

/** The writer of a message that is sent again must not be told twice that it was sent. */
function settledOnce(context: MessageContext): MessageContext {
  let { callback } = context;
  if (callback === undefined) return context;
  const once: typeof callback = (error) => {
    const told = callback;
    callback = undefined;
    told?.(error);
  };
  return { ...context, callback: once };
}
