import { AsyncResource } from 'node:async_hooks';
import {
  CallCredentials,
  Metadata,
  propagate,
  status,
  type InterceptingListener,
  type StatusObject,
} from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';
import {
  attachToParent,
  callDeadlineMs,
  detachFromParent,
  dueMsOf,
  HeldOperations,
  messageOf,
  propagates,
  settleWrite,
  unsendable,
  type ChildCall,
  type MessageContext,
  type ParentCall,
  type Timed,
} from '@grpc-manifold/core/internal';
import { Record } from '../wire/batch.js';
import type { BatchWriter } from '../wire/batch-writer.js';
import { writeCredentials, writeCredentialsError } from '../wire/credentials-record.js';
import type { AuthContext } from '../wire/thread-event.js';
import { writeStart } from '../wire/start-record.js';
import { CallInbox, type InboxOwner } from './call-inbox.js';
import type { CallingChannel } from './calling-channel.js';
import { listenerIn } from './listener-in-context.js';
import type { ThreadConnection } from './thread-connection.js';
import type { ThreadedCall } from './threaded-call.js';
import { UnwrittenMessages } from './unwritten-messages.js';

/** Milliseconds by which the thread's own deadline goes first: its status says what the call was waiting for. */
const DEADLINE_GRACE_MS = 50;

/** The class of credentials that make no metadata. Like grpc-js, a call does not ask them. */
const NO_CREDENTIALS = CallCredentials.createEmpty();

/**
 * A call on a channel in a worker thread, on the side of the calling thread. It writes records for the thread and
 * passes the thread's answers to the listener.
 */
export class ThreadCall implements ChannelCall, ChildCall, ThreadedCall, InboxOwner, Timed {
  /** The call's number in its thread; 0 before it starts. */
  id = 0;
  /** True when the server has said that it did not process the call. */
  neverActedOn = false;
  childNode: ChildCall['childNode'];
  dueMs = Infinity;
  heapIndex = -1;
  /** When the deadline passes, in monotonic milliseconds; Infinity for none. */
  readonly #deadlineMs: number = Infinity;
  /** Monotonic milliseconds; set only for a call with a deadline. */
  readonly #createdMs: number = 0;
  #connection: ThreadConnection | undefined;
  #listener: InterceptingListener | undefined;
  #credentials: CallCredentials | undefined;
  /** The operations that the client called before `start`. */
  #held: HeldOperations<Buffer> | undefined;
  /** The status of a call that was cancelled before its start. */
  #cancelled: { readonly code: status; readonly details: string } | undefined;
  #isEnded = false;
  #context: AsyncResource | undefined;
  readonly #inbox = new CallInbox(this);
  #unwritten: UnwrittenMessages | undefined;

  constructor(
    private readonly channel: CallingChannel<ThreadCall>,
    private readonly method: string,
    deadline: Date | number,
    private readonly host: string | null | undefined,
    private readonly parent: ParentCall | null,
    private readonly propagateFlags: number | null | undefined,
  ) {
    const deadlineMs = callDeadlineMs(deadline, parent, propagateFlags);
    if (deadlineMs === Infinity) return;
    const { clock } = channel.deadlines;
    // Like grpc-js, the call's time starts here. A change of the wall clock does not move the deadline.
    this.#createdMs = clock.elapsed();
    this.#deadlineMs = dueMsOf(deadlineMs, clock);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  start(metadata: Metadata, listener: InterceptingListener): void {
    this.#listener = this.channel.isMember ? listener : listenerIn(this.#inContext(), listener);
    if (this.#cancelled !== undefined) return this.#endSoon(this.#cancelled.code, this.#cancelled.details);
    const connection = this.channel.connectionForCall();
    if (connection === undefined) return this.#endSoon(status.UNAVAILABLE, 'Channel closed before call started');
    if (connection.isLost) return this.#endSoon(status.UNAVAILABLE, connection.error?.message ?? 'Its thread is gone');
    this.#connection = connection;
    if (this.#deadlineMs !== Infinity) {
      const { deadlines } = this.channel;
      if (this.#deadlineMs <= deadlines.clock.elapsed()) return this.deadlinePassed();
      deadlines.add(this, this.#deadlineMs + DEADLINE_GRACE_MS);
    }
    const { parent } = this;
    if (parent !== null && propagates(this.propagateFlags, propagate.CANCELLATION)) {
      attachToParent(parent, this);
      if (this.#isEnded) return;
    }
    connection.addCall(this);
    try {
      this.#writeStart(connection.number, metadata);
    } catch (error) {
      connection.undo();
      return this.#endSoon(status.INTERNAL, `Failed to start HTTP/2 stream with error ${messageOf(error)}`);
    }
    this.#held?.replayOn({
      startRead: () => this.startRead(),
      sendMessageWithContext: (context, message) => this.#send(context, message),
      halfClose: () => this.#halfClose(),
    });
  }

  startRead(): void {
    if (!this.#isEnded) this.#inbox.startRead();
  }

  sendMessageWithContext(context: MessageContext, message: Buffer): void {
    if (this.#isEnded) return settleWrite(context);
    const reason = unsendable(message);
    if (reason !== undefined) {
      settleWrite(context);
      return this.cancelWithStatus(status.INTERNAL, reason);
    }
    if (this.#isHolding) this.#holdOperations().sendMessage(context, message, message.length);
    else this.#send(context, message);
  }

  halfClose(): void {
    if (this.#isEnded) return;
    if (this.#isHolding) this.#holdOperations().halfClose();
    else this.#halfClose();
  }

  #send(context: MessageContext, message: Buffer): void {
    if (this.#isEnded) return settleWrite(context);
    const isAwaited = context.callback !== undefined;
    // The callback of a writer that has to wait runs in the caller's async context, which is captured here.
    if (isAwaited && (this.#unwritten ??= new UnwrittenMessages()).add(context, message.length)) this.#inContext();
    try {
      const to = this.#openRecord(Record.Message);
      to.u32(context.flags ?? 0);
      to.u8(isAwaited ? 1 : 0);
      to.payload(message, false);
    } catch (error) {
      // The batch could not allocate memory for the message.
      this.#connection?.undo();
      this.cancelWithStatus(status.RESOURCE_EXHAUSTED, `The message cannot be handed to a thread: ${messageOf(error)}`);
    }
  }

  #halfClose(): void {
    if (!this.#isEnded) this.#openRecord(Record.HalfClose);
  }

  /** True until the call has started and every operation before the start is sent. */
  get #isHolding(): boolean {
    return this.id === 0 || this.#held?.replaying === true;
  }

  cancelWithStatus(code: status, details: string): void {
    if (this.#isEnded) return;
    if (this.#listener === undefined) {
      this.#cancelled ??= { code, details };
      return;
    }
    if (this.id !== 0 && !this.#inbox.hasStatus) {
      const to = this.#openRecord(Record.Cancel);
      to.f64(code);
      // An interceptor in JavaScript may cancel without details.
      to.text(String((details as string | undefined) ?? ''));
    }
    this.#endSoon(code, details);
  }

  /** The thread did not end the call at its deadline: it is blocked, or its status waits behind unread messages. */
  deadlinePassed(): void {
    const seconds = (Math.max(0, this.#deadlineMs - this.#createdMs) / 1_000).toFixed(3);
    this.cancelWithStatus(
      status.DEADLINE_EXCEEDED,
      `Deadline exceeded after ${seconds}s,${this.id === 0 ? 'before it was sent' : 'in its thread'}`,
    );
  }

  setCredentials(credentials: CallCredentials): void {
    this.#credentials = credentials;
  }

  /** Like grpc-js, returns the target until there is a connection. */
  getPeer(): string {
    return this.#connection?.peer ?? this.channel.getTarget();
  }

  getCallNumber(): number {
    return this.id;
  }

  getAuthContext(): AuthContext | null {
    return this.#connection?.authContext ?? null;
  }

  onHeaders(metadata: Metadata): void {
    if (!this.#isEnded) this.#listener?.onReceiveMetadata(metadata);
  }

  onMessage(message: Buffer): void {
    if (!this.#isEnded) this.#inbox.receive(message);
  }

  onWritten(messages: number): void {
    this.#unwritten?.written(messages, () => this.#inContext());
  }

  onStatus(ending: StatusObject, neverActedOn: boolean): void {
    if (this.#isEnded) return;
    this.neverActedOn = neverActedOn;
    this.#leaveThread();
    this.#inbox.receiveStatus(ending);
  }

  onThreadEnd(reason: string): void {
    if (!this.#isEnded) this.end({ code: status.UNAVAILABLE, details: reason, metadata: new Metadata() });
  }

  /** Asks the call credentials, which stay on this thread, for the metadata of one attempt. */
  async askCredentials(question: number, url: string, method: string): Promise<void> {
    let metadata: Metadata | undefined;
    let failure: unknown;
    try {
      metadata = await this.#inContext().runInAsyncScope(() =>
        this.#allCredentials()?.generateMetadata({ service_url: url, method_name: method }),
      );
    } catch (error) {
      failure = error ?? new Error('no reason was given');
    }
    if (this.#isEnded) return;
    if (failure === undefined) {
      try {
        return writeCredentials(this.#openRecord(Record.Credentials), question, metadata ?? new Metadata());
      } catch (error) {
        this.#connection?.undo();
        failure = error;
      }
    }
    const code: unknown = (failure as { code?: unknown }).code;
    const details = messageOf(failure);
    const to = this.#openRecord(Record.Credentials);
    writeCredentialsError(to, question, typeof code === 'number' ? code : NaN, details);
  }

  // ── for its inbox ─────────────────────────────────────────────────────────────────────────────────────────────────

  deliver(message: Buffer): void {
    this.#listener?.onReceiveMessage(message);
  }

  grantCredit(messages: number, bytes: number): void {
    const to = this.#openRecord(Record.Consumed);
    to.u32(messages);
    to.f64(bytes);
  }

  end(ending: StatusObject): void {
    this.#isEnded = true;
    this.#release();
    this.#listener?.onReceiveStatus(ending);
  }

  #endSoon(code: status, details: string): void {
    this.#isEnded = true;
    this.#release();
    process.nextTick(() => this.#listener?.onReceiveStatus({ code, details, metadata: new Metadata() }));
  }

  /** Releases everything that the call holds, before the listener is told. */
  #release(): void {
    this.#leaveThread();
    if (this.heapIndex >= 0) this.channel.deadlines.remove(this);
    this.#inbox.clear();
    this.#unwritten?.release();
    this.#held?.drop();
    if (this.parent !== null) detachFromParent(this.parent, this);
  }

  #leaveThread(): void {
    this.#connection?.removeCall(this);
  }

  #writeStart(channel: number, metadata: Metadata): void {
    const hasCredentials = this.#allCredentials() !== undefined;
    // Credentials may depend on the caller's async context. They are asked when a message of the thread comes in.
    if (hasCredentials) this.#inContext();
    writeStart(this.#openRecord(Record.Start), {
      channel,
      method: this.method,
      dueMs: this.#deadlineMs,
      host: this.host ?? null,
      hasCredentials,
      metadata,
    });
  }

  #allCredentials(): CallCredentials | undefined {
    const own = this.#credentials;
    const channels = this.channel.callCredentials;
    if (own === undefined) return channels;
    const all = own.compose(channels ?? NO_CREDENTIALS);
    return all.constructor === NO_CREDENTIALS.constructor ? undefined : all;
  }

  /**
   * The caller's async context, captured at the first call. Callbacks that a message of the thread triggers run in it.
   */
  #inContext(): AsyncResource {
    return (this.#context ??= new AsyncResource('GRPCMANIFOLD_THREAD_CALL'));
  }

  #holdOperations(): HeldOperations<Buffer> {
    return (this.#held ??= new HeldOperations());
  }

  #openRecord(record: number): BatchWriter {
    const to = (this.#connection as ThreadConnection).open();
    to.u8(record);
    to.u32(this.id);
    return to;
  }
}
