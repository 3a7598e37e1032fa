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
  explainedStatus,
  HeldOperations,
  markStatus,
  NOT_TAKEN,
  ListNode,
  settleWrite,
  unsendable,
  wordedStatus,
  type ChildCall,
  type MessageContext,
  type Timed,
} from '@grpc-manifold/core/internal';
import { callFacts, type CallPhase } from './call-facts.js';
import { CallDeadline } from './call-deadline.js';
import { Caller } from './caller.js';
import { mayRetry } from './retries/retry-limit.js';
import { AwaitedCredentials } from './awaited-credentials.js';
import { CredentialsWait } from './credentials-wait.js';
import { DiscardBudget } from './discard-budget.js';
import { explainedEnding } from './explained-ending.js';
import { Inbound, type InboundCall } from './inbound.js';
import { neverProcessed } from './retries/never-processed.js';
import type { CallKeeper, CallRequest } from './call-keeper.js';
import type { EndingStream } from '../member/ending-streams.js';
import type { PooledChannel } from '../member/pooled-channel.js';
import { SentOperations } from './retries/sent-operations.js';
import { timeoutHeader } from './timeout-header.js';

/**
 * One call of the pool: the `Call` that the client holds and the listener of the inner call, in one object. It carries
 * its own nodes for the lists of the queue and of the pool.
 */
export class PooledCall
  implements CallInfo, ChannelCall, InterceptingListener, Queued, Timed, EndingStream, ChildCall, InboundCall
{
  queueLinks: Queued['queueLinks'];
  /** When it ends by its deadline, monotonic milliseconds; Infinity for never. */
  dueMs: number;
  heapIndex = -1;
  resetPlace: EndingStream['resetPlace'];
  childNode: ChildCall['childNode'];
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
  #phase: CallPhase = 'created';
  #inner: ChannelCall | undefined;
  #metadata: Metadata | undefined;
  readonly #caller = new Caller();
  #credentials: CallCredentials | undefined;
  #held: HeldOperations<Buffer> | undefined;
  readonly #inbound = new Inbound(this);
  readonly #sent = new SentOperations();
  #discards: DiscardBudget | undefined;
  /** That of its method config included, once it is started. */
  readonly #deadline: CallDeadline;
  /** The lowest number that its stream can have. */
  #streamId = 0;
  #isAnswered = false;
  /** Only where there may be call credentials. */
  #credentialsWait: CredentialsWait | undefined;
  /** Our own ending: kept for a call that is not started yet, and for a stream that is not reset yet. */
  #ending: StatusObject | undefined;

  constructor(
    private readonly pool: CallKeeper<PooledCall>,
    readonly request: CallRequest<PooledCall>,
  ) {
    this.#deadline = new CallDeadline(request.deadlineMs, pool.clock);
    this.dueMs = this.#deadline.dueMs;
  }

  get phase(): CallPhase {
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
    return this.#deadline.epochMs;
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

  start(metadata: Metadata, listener: InterceptingListener): void {
    this.#metadata = metadata;
    this.#caller.listener = listener;
    const { timeoutMs } = this.request.settings;
    if (timeoutMs !== Infinity) this.dueMs = this.#deadline.beginTimeout(timeoutMs);
    if (this.#ending !== undefined) {
      this.#phase = 'ended';
      this.#held?.drop();
      this.#caller.tellStatusLater(this.#ending);
      return;
    }
    this.pool.admit(this);
  }

  startRead(): void {
    if (this.#inbound.read()) return;
    if (this.#phase === 'running') this.#inner?.startRead();
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
    context = this.#sent.message(context, message);
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
    this.#sent.halfClose();
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

  /**
   * It waits for a connection. What its caller does with the metadata after the start is nothing to it, as in grpc-js.
   */
  wait(): void {
    this.#phase = 'waiting';
    this.#metadata = this.#metadata?.clone();
  }

  /** Starts over, as if it had not been handed to a connection yet. */
  rewind(): void {
    this.#phase = 'waiting';
    this.member = undefined;
    this.#inner = undefined;
    this.answeredAtMs = -1;
    this.#held = this.#sent.replay(this.#inbound.isReading);
  }

  /** Hands it to a connection that has counted it in, in the same tick. */
  handTo(member: PooledChannel): void {
    const waited = this.#phase === 'waiting';
    this.#phase = 'running';
    this.member = member;
    if (waited) this.#caller.runInAsyncScope(this.#open, this);
    else this.#open();
  }

  /**
   * Ends it from our side: by its caller's cancel, its deadline, its parent, a bound, or the end of the pool. The
   * caller has the status at once; the connection keeps the stream counted until it has dealt with the ending.
   */
  end(ending: StatusObject): void {
    if (this.#phase === 'ended') return;
    if (this.#phase === 'created' && this.#caller.listener === undefined) {
      this.#ending ??= ending;
      return;
    }
    const wasRunning = this.#phase === 'running';
    const isOver = this.#inbound.drop();
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
        const code = this.#credentialsWait?.isWaiting === true ? status.CANCELLED : ending.code;
        this.member?.outcomes.unanswered(code, this.handedAtMs, this.pool.clock.elapsed());
      }
      this.member?.countOut(this);
    }
    this.#held?.drop();
    this.#caller.tellStatusLater(ending);
  }

  /** The status of a deadline that has passed. */
  deadlineStatus(): StatusObject {
    return deadlineStatus(this.#deadline.passedMs, this.#explanation(), this.member?.peer ?? this.pool.target);
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.member?.sawLife();
    if (this.#phase !== 'running') return;
    this.#isAnswered = true;
    if (this.handedAtMs >= 0) {
      this.answeredAtMs = this.pool.clock.elapsed();
      this.member?.outcomes.answered(this.handedAtMs, this.answeredAtMs);
    }
    this.#caller.tellMetadata(metadata);
    this.#inbound.onHeaders();
  }

  onReceiveMessage(message: unknown): void {
    this.member?.sawLife();
    const { maxResponseBytes } = this.request.settings;
    const { length } = message as Buffer;
    if (length > maxResponseBytes && this.#phase === 'running') {
      const details = `Received message larger than max (${length} vs ${maxResponseBytes})`;
      return this.cancelWithStatus(status.RESOURCE_EXHAUSTED, details);
    }
    this.receive(message);
  }

  onReceiveStatus(received: StatusObject): void {
    const { member } = this;
    if (this.#phase !== 'running') return member?.abandonedEnded(this);
    if (this.#inbound.onStatus(received)) return member?.sawLife();
    if (!this.#isAnswered && this.handedAtMs >= 0) {
      member?.outcomes.concluded(received, this.handedAtMs, this.pool.clock.elapsed());
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
    const finished =
      received.code === status.OK
        ? received
        : explainedEnding(received, this.member, this.#sent.replays + 1, this.#explanation());
    this.#held?.drop();
    this.pool.release(this, finished);
    this.member?.countOut(received.code === status.OK ? 'answered' : 'failed');
    this.#caller.tellStatus(finished);
  }

  get isRunning(): boolean {
    return this.#phase === 'running';
  }

  receive(message: unknown): void {
    if (this.#phase === 'running') this.#inbound.onMessage(message);
    else if (this.#discards?.discard(message as Buffer) === true) this.#inner?.startRead();
  }

  readInner(): void {
    this.#inner?.startRead();
  }

  tellMessage(message: unknown): void {
    this.#caller.tellMessage(message);
  }

  reset(): void {
    this.#discards?.empty();
    const inner = this.#inner;
    if (inner === undefined) return;
    const { code, details } = this.#ending as StatusObject;
    inner.cancelWithStatus(code, details);
    // A grpc-js call that was started in this very tick has no stream yet, and opens it in spite of the cancel
    // (resolving-call.ts, after `sendMetadata`); until then it names the target as its peer. Cancelled again, it ends
    // it.
    if (inner.getPeer() === this.pool.target) this.pool.soon(() => inner.cancelWithStatus(code, details));
  }

  /** Reads on, so that the server's own end gets through and gives the room back before the reset does. */
  awaitReset(): void {
    this.#discards = new DiscardBudget();
    this.#inner?.startRead();
  }

  #open(): void {
    const { method, host, propagateFlags } = this.request;
    try {
      const member = this.member as PooledChannel;
      // Deadline and parent are ours: grpc-js would end the stream from a timer of its own, and never let the parent
      // go.
      const inner = member.connection.channel.createCall(method, Infinity, host, null, propagateFlags);
      this.#inner = inner;
      this.#streamId = member.connection.nextStreamId;
      if (this.#credentials !== undefined || member.mayHaveCallCredentials) {
        this.#credentialsWait ??= new CredentialsWait(() => this.#noteNoCredentials());
        inner.setCredentials(new AwaitedCredentials(this.#credentials, this.#credentialsWait));
      }
      let metadata = this.#metadata as Metadata;
      if (this.dueMs !== Infinity) {
        metadata = metadata.clone();
        metadata.set('grpc-timeout', timeoutHeader(this.#deadline.leftMs));
      }
      inner.start(metadata, this);
      this.#held?.replayOn(inner);
    } catch (error) {
      const said = { channelId: this.member?.id ?? 0, error: String(error) };
      this.end(wordedStatus(status.UNAVAILABLE, NOT_TAKEN, said, this.#explanation()));
    }
  }

  #hold(): HeldOperations<Buffer> {
    return (this.#held ??= new HeldOperations());
  }

  #noteNoCredentials(): void {
    if (this.member !== undefined) this.member.mayHaveCallCredentials = false;
  }

  /** Only what never reached the server, all of which we still have, and not for ever. */
  #canRetry(received: StatusObject): boolean {
    return (
      mayRetry(this.#sent.replays, this.member?.isLive === true) &&
      !this.#isAnswered &&
      this.#sent.isWhole &&
      this.#metadata !== undefined &&
      (neverProcessed(received) ||
        this.member?.connection.neverActedOn(this.#inner as ChannelCall, this.#streamId) === true)
    );
  }

  #explanation(): CallExplanation {
    return callFacts(this, this.pool, this.#sent.replays, this.#credentialsWait);
  }
}
