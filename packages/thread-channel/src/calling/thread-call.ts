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
  systemClock,
  unsendable,
  type ChildCall,
  type MessageContext,
  type ParentCall,
  type Timed,
} from '@grpc-manifold/core/internal';
import { Record } from '../wire/batch.js';
import type { BatchWriter } from '../wire/batch-writer.js';
import { READ_AHEAD } from '../wire/credit.js';
import { writeMetadata } from '../wire/metadata-record.js';
import type { AuthContext } from '../wire/thread-event.js';
import { START } from '../wire/start.js';
import type { CallingChannel } from './calling-channel.js';
import type { ThreadedCall } from './channel-thread.js';
import { listenerIn } from './listener-in-context.js';
import type { ThreadConnection } from './thread-connection.js';
import { UnwrittenMessages } from './unwritten-messages.js';

/** Milliseconds that the thread is given to end a call by its deadline itself: it knows what the call waited for. */
const DEADLINE_GRACE_MS = 50;

/** What has nothing to say is not asked, as in grpc-js. */
const NO_CREDENTIALS = CallCredentials.createEmpty();

/** A call on a channel in a thread, as the calling thread has it. */
export class ThreadCall implements ChannelCall, ChildCall, ThreadedCall, Timed {
  /** Its number in its thread; 0 before it is started. */
  id = 0;
  /** True when its server has said that it never acted on it. */
  neverActedOn = false;
  childNode: ChildCall['childNode'];
  dueMs = Infinity;
  heapIndex = -1;
  /** When its deadline passes, monotonic; Infinity for none. */
  readonly #deadlineMs: number = Infinity;
  /** Monotonic; only where it has a deadline. */
  readonly #createdMs: number = 0;
  #connection: ThreadConnection | undefined;
  #listener: InterceptingListener | undefined;
  #credentials: CallCredentials | undefined;
  #early: HeldOperations<Buffer> | undefined;
  /** Our own ending, of a call that is not started yet. */
  #cancelled: { readonly code: status; readonly details: string } | undefined;
  #isEnded = false;
  #wantsMessage = false;
  /** Messages that were asked for, and are given out in the next tick. */
  #due = 0;
  #context: AsyncResource | undefined;
  /** Messages that came before they were asked for: as many as the thread was given credit for. */
  #inbox: Buffer[] | undefined;
  #takenMessages = 0;
  #takenBytes = 0;
  /** The status, while messages are before it. */
  #ending: StatusObject | undefined;
  #deliveries = 0;
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
    // Counted from here, as in grpc-js, whatever the wall clock is set to meanwhile.
    this.#createdMs = clock.elapsed();
    this.#deadlineMs = dueMsOf(deadlineMs, clock);
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
    connection.enterCall(this);
    try {
      this.#writeStart(connection, metadata);
    } catch (error) {
      connection.undo();
      return this.#endSoon(status.INTERNAL, `Failed to start HTTP/2 stream with error ${messageOf(error)}`);
    }
    this.#early?.replayOn({
      startRead: () => this.startRead(),
      sendMessageWithContext: (context, message) => this.#send(context, message),
      halfClose: () => this.#halfClose(),
    });
  }

  startRead(): void {
    if (this.#isEnded) return;
    if (this.#inbox === undefined || this.#inbox.length <= this.#due) this.#wantsMessage = true;
    else this.#deliverSoon();
  }

  sendMessageWithContext(context: MessageContext, message: Buffer): void {
    if (this.#isEnded) return settleWrite(context);
    const complaint = unsendable(message);
    if (complaint !== undefined) {
      settleWrite(context);
      return this.cancelWithStatus(status.INTERNAL, complaint);
    }
    if (this.#holds) this.#hold().sendMessage(context, message, message.length);
    else this.#send(context, message);
  }

  halfClose(): void {
    if (this.#isEnded) return;
    if (this.#holds) this.#hold().halfClose();
    else this.#halfClose();
  }

  #send(context: MessageContext, message: Buffer): void {
    if (this.#isEnded) return settleWrite(context);
    const isAwaited = context.callback !== undefined;
    // A writer that waits is told in the context of its call.
    if (isAwaited && (this.#unwritten ??= new UnwrittenMessages()).add(context, message.length)) this.#inContext();
    try {
      const to = this.#tell(Record.Message);
      to.u32(context.flags ?? 0);
      to.u8(isAwaited ? 1 : 0);
      to.payload(message, false);
    } catch (error) {
      // There is no memory for it.
      this.#connection?.undo();
      this.cancelWithStatus(status.RESOURCE_EXHAUSTED, `The message cannot be handed to a thread: ${messageOf(error)}`);
    }
  }

  #halfClose(): void {
    if (!this.#isEnded) this.#tell(Record.HalfClose);
  }

  /** It is not started, or what was asked for before that is not all handed over. */
  get #holds(): boolean {
    return this.id === 0 || this.#early?.replaying === true;
  }

  cancelWithStatus(code: status, details: string): void {
    if (this.#isEnded) return;
    if (this.#listener === undefined) {
      this.#cancelled ??= { code, details };
      return;
    }
    if (this.id !== 0 && this.#ending === undefined) {
      const to = this.#tell(Record.Cancel);
      to.f64(code);
      // Whoever cancels by an interceptor may have left them out.
      to.text(String((details as string | undefined) ?? ''));
    }
    this.#endSoon(code, details);
  }

  /** The thread has not said so itself: it is blocked, or has ended the call behind messages that nobody reads. */
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

  /** As grpc-js tells it: the target, until there is a connection. */
  getPeer(): string {
    return this.#connection?.peer ?? this.channel.getTarget();
  }

  getCallNumber(): number {
    return this.id;
  }

  getAuthContext(): AuthContext | null {
    return this.#connection?.authContext ?? null;
  }

  headers(metadata: Metadata): void {
    if (!this.#isEnded) this.#listener?.onReceiveMetadata(metadata);
  }

  received(message: Buffer): void {
    if (this.#isEnded) return;
    if (this.#wantsMessage) {
      this.#wantsMessage = false;
      this.#deliver(message);
    } else {
      (this.#inbox ??= []).push(message);
    }
  }

  /** The connection has taken messages. */
  written(messages: number): void {
    this.#unwritten?.written(messages, () => this.#inContext());
  }

  /** It has its status. What came before is given out first, for as long as somebody takes it. */
  ended(ending: StatusObject, neverActedOn: boolean): void {
    if (this.#isEnded) return;
    this.neverActedOn = neverActedOn;
    this.#ending = ending;
    this.#leave();
    this.#settle();
    if (!this.#isEnded && ending.code !== status.OK) this.#endUnlessRead();
  }

  /** Nothing more will come: its thread is gone. */
  lost(reason: string): void {
    if (!this.#isEnded) this.#end({ code: status.UNAVAILABLE, details: reason, metadata: new Metadata() });
  }

  /** Asks the credentials, which are of this thread, for what they have to say of a call. */
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
        return writeMetadata(this.#answer(question, true), metadata ?? new Metadata());
      } catch (error) {
        this.#connection?.undo();
        failure = error;
      }
    }
    const code: unknown = (failure as { code?: unknown }).code;
    const details = messageOf(failure);
    const to = this.#answer(question, false);
    to.f64(typeof code === 'number' ? code : NaN);
    to.text(details);
  }

  #answer(question: number, isMade: boolean): BatchWriter {
    const to = this.#tell(Record.Credentials);
    to.u32(question);
    to.u8(isMade ? 1 : 0);
    return to;
  }

  #writeStart({ number }: ThreadConnection, metadata: Metadata): void {
    const { host } = this;
    const hasHost = host !== null && host !== undefined;
    const hasCredentials = this.#allCredentials() !== undefined;
    // Credentials may depend on the caller's async context, and are asked inside a message of the thread.
    if (hasCredentials) this.#inContext();
    const to = this.#tell(Record.Start);
    to.u32(number);
    to.u8(
      (this.#deadlineMs === Infinity ? 0 : START.hasDeadline) |
        (hasHost ? START.hasHost : 0) |
        (hasCredentials ? START.hasCredentials : 0),
    );
    to.text(this.method);
    if (this.#deadlineMs !== Infinity) to.f64(this.#deadlineMs);
    if (hasHost) to.text(host);
    writeMetadata(to, metadata);
  }

  #allCredentials(): CallCredentials | undefined {
    const own = this.#credentials;
    const channels = this.channel.callCredentials;
    if (own === undefined) return channels;
    const all = own.compose(channels ?? NO_CREDENTIALS);
    return all.constructor === NO_CREDENTIALS.constructor ? undefined : all;
  }

  /** The caller's async context, captured here; callbacks that a message of the thread triggers run in it. */
  #inContext(): AsyncResource {
    return (this.#context ??= new AsyncResource('GRPCMANIFOLD_THREAD_CALL'));
  }

  #hold(): HeldOperations<Buffer> {
    return (this.#early ??= new HeldOperations());
  }

  #tell(record: number): BatchWriter {
    const to = (this.#connection as ThreadConnection).open();
    to.u8(record);
    to.u32(this.id);
    return to;
  }

  #deliver(message: Buffer): void {
    this.#deliveries += 1;
    this.#takenMessages += 1;
    this.#takenBytes += message.length;
    // Topped up before it runs out.
    if (this.#takenMessages >= READ_AHEAD.messages / 2 || this.#takenBytes >= READ_AHEAD.bytes / 2) this.#tellTaken();
    this.#listener?.onReceiveMessage(message);
  }

  #tellTaken(): void {
    if (this.#ending === undefined) {
      const to = this.#tell(Record.Taken);
      to.u32(this.#takenMessages);
      to.f64(this.#takenBytes);
    }
    this.#takenMessages = this.#takenBytes = 0;
  }

  /** Never in the stack of whoever asks, as in grpc-js. */
  #deliverSoon(): void {
    this.#due += 1;
    process.nextTick(() => {
      this.#due -= 1;
      const message = this.#isEnded ? undefined : this.#inbox?.shift();
      if (message === undefined) return;
      try {
        this.#deliver(message);
      } finally {
        if (!this.#isEnded) this.#settle();
      }
    });
  }

  /** Tells the status when nothing is before it. */
  #settle(): void {
    if (this.#ending !== undefined && (this.#inbox === undefined || this.#inbox.length === 0)) this.#end(this.#ending);
  }

  /** An error does not wait for a reader who has stopped: grpc-js, too, then drops what it had not given out. */
  #endUnlessRead(): void {
    const seen = this.#deliveries;
    systemClock.soon(() => {
      if (this.#isEnded) return;
      if (this.#deliveries > seen) this.#endUnlessRead();
      else this.#end(this.#ending as StatusObject);
    });
  }

  #endSoon(code: status, details: string): void {
    this.#isEnded = true;
    this.#release();
    process.nextTick(() => this.#listener?.onReceiveStatus({ code, details, metadata: new Metadata() }));
  }

  #end(ending: StatusObject): void {
    this.#isEnded = true;
    this.#release();
    this.#listener?.onReceiveStatus(ending);
  }

  /** Gives back all that it holds, before anybody is told. */
  #release(): void {
    this.#leave();
    if (this.heapIndex >= 0) this.channel.deadlines.remove(this);
    this.#inbox = undefined;
    this.#unwritten?.release();
    this.#early?.drop();
    if (this.parent !== null) detachFromParent(this.parent, this);
  }

  #leave(): void {
    this.#connection?.leaveCall(this);
  }
}
