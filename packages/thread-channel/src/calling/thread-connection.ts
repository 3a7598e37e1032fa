import { connectivityState, type ChannelInterface, type ChannelOptions } from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';
import { systemClock, type Connection, type Goaway, type SessionState, type Timer } from '@grpc-manifold/core/internal';
import type { CredentialsRecipe } from '../crossing/credentials-recipe.js';
import type { BatchWriter } from '../wire/batch-writer.js';
import type { AuthContext, ThreadEvent } from '../wire/thread-event.js';
import type { ConnectionSnapshot } from '../wire/connection-snapshot.js';
import type { ChannelThread, ThreadedCall, ThreadedConnection } from './channel-thread.js';

/** What a connection in a thread is made of. */
export interface ThreadConnectionSettings {
  readonly target: string;
  readonly options: ChannelOptions;
  readonly credentials: CredentialsRecipe;
  /** It makes one connection in its life; else as many as it takes. */
  readonly isOnce: boolean;
}

/** Milliseconds that a thread has to close a connection; it needs 100 where the other end does not close its side. */
const CLOSE_TIMEOUT_MS = 5_000;

interface Closing {
  readonly promise: Promise<number>;
  readonly resolve: (forcedSockets: number) => void;
  readonly timer: Timer;
  isOver: boolean;
}

/** A connection that lives in a thread: what is to be seen of it is as of the last batch from there. */
export class ThreadConnection implements Connection, ThreadedConnection {
  /** Its number in its thread; 0 before it connects. */
  number = 0;
  session: SessionState = 'unseen';
  serverLimit: number | undefined;
  peer: string | undefined;
  bytesRead = 0;
  isConnecting = false;
  goaway: Goaway | undefined;
  error: { readonly message: string } | undefined;
  authContext: AuthContext | null = null;
  state = connectivityState.IDLE;
  #onState: ((state: connectivityState) => void) | undefined;
  readonly #questions = new Map<number, (isAnswered: boolean) => void>();
  #nextQuestion = 1;
  /** Where it lives, from when it connects. */
  #thread: ChannelThread | undefined;
  #callCount = 0;
  /** It is to be closed when its calls have ended. */
  #isLeaving = false;
  #isChannelClosed = false;
  #isHeld = false;
  #closing: Closing | undefined;

  constructor(
    readonly channel: ChannelInterface,
    private readonly settings: ThreadConnectionSettings,
    /** Finds the thread to live in. */
    private readonly findThread: () => ChannelThread,
    /** Called when the channel is closed. */
    private readonly onChannelClosed: () => void,
  ) {}

  /** A thread gives numbers to its streams by itself; see {@link neverActedOn}. */
  get nextStreamId(): number {
    return 0;
  }

  /** True when its thread is gone, and it with it. */
  get isLost(): boolean {
    return this.#thread?.end !== undefined;
  }

  /** Undefined before it connects, and when its thread is gone. */
  get #livingThread(): ChannelThread | undefined {
    return this.isLost ? undefined : this.#thread;
  }

  connect(onState: (state: connectivityState) => void): void {
    this.#onState = onState;
    const thread = this.findThread();
    this.#thread = thread;
    if (thread.end !== undefined) return this.lost(thread.end.reason);
    thread.add(this);
    thread.post({ kind: 'open', channel: this.number, ...this.settings });
    this.connectAgain();
  }

  ask(onAnswer: (isAnswered: boolean) => void): boolean {
    return this.#ask('ask', onAnswer);
  }

  ping(onEnd: () => void): boolean {
    return this.#ask('ping', onEnd);
  }

  neverActedOn(call: ChannelCall): boolean {
    return (call as ChannelCall & { readonly neverActedOn?: boolean }).neverActedOn === true;
  }

  /** Begins to connect once more, where it may. */
  connectAgain(): void {
    this.#setState(connectivityState.CONNECTING);
    this.#post('connect');
  }

  closeChannel(): void {
    if (this.#isChannelClosed) return;
    this.#closeHere();
    this.#post('close-channel');
  }

  close(reason: string): Promise<number> {
    if (this.#closing !== undefined) return this.#closing.promise;
    this.#closeHere();
    const thread = this.#livingThread;
    if (thread === undefined) return Promise.resolve(0);
    let resolve: (forcedSockets: number) => void = () => undefined;
    const promise = new Promise<number>((settle) => {
      resolve = settle;
    });
    const timer = systemClock.setTimer(() => this.#neverClosed(thread), CLOSE_TIMEOUT_MS);
    this.#closing = { promise, resolve, timer, isOver: false };
    // Who waits for the sockets to close waits in this thread.
    thread.hold();
    thread.post({ kind: 'close', channel: this.number, reason });
    return promise;
  }

  /** Closes the channel now, and the connection when the calls on it have ended. */
  leave(): void {
    this.closeChannel();
    this.#isLeaving = true;
    this.#closeWhenLeft();
  }

  // ── for its calls ─────────────────────────────────────────────────────────────────────────────────────────────────

  open(): BatchWriter {
    return (this.#thread as ChannelThread).open();
  }

  undo(): void {
    this.#thread?.undo();
  }

  enterCall(call: ThreadedCall): void {
    this.#thread?.enter(call);
    this.#callCount += 1;
  }

  leaveCall(call: ThreadedCall): void {
    if (this.#thread?.leave(call) !== true) return;
    this.#callCount -= 1;
    this.#closeWhenLeft();
  }

  // ── what the thread tells ─────────────────────────────────────────────────────────────────────────────────────────

  told(event: Exclude<ThreadEvent, { kind: 'started' }>): void {
    switch (event.kind) {
      case 'refused':
        this.error = { message: event.error };
        return this.stateIs(connectivityState.TRANSIENT_FAILURE);
      case 'answer':
        return this.#answered(event.question, event.isAnswered);
      case 'peer':
        this.peer = event.peer;
        return;
      case 'auth':
        this.authContext = withBuffers(event.context);
        return;
      case 'closed':
        return this.#closed(event.forcedSockets);
    }
  }

  stateIs(state: connectivityState): void {
    this.#setState(state);
  }

  sees(changes: Partial<ConnectionSnapshot>): void {
    Object.assign(this, changes);
  }

  /** Its thread is gone. */
  lost(reason: string): void {
    if (this.session !== 'unseen') this.session = 'destroyed';
    this.isConnecting = false;
    this.error = { message: reason };
    this.#endClosing(0);
    for (const question of [...this.#questions.keys()]) this.#answered(question, false);
    this.#setState(
      this.state === connectivityState.READY ? connectivityState.IDLE : connectivityState.TRANSIENT_FAILURE,
    );
  }

  #closeHere(): void {
    if (this.#isChannelClosed) return;
    this.#isChannelClosed = true;
    this.#onState = undefined;
    this.#holdWhileConnecting(false);
    this.onChannelClosed();
  }

  #ask(kind: 'ask' | 'ping', onAnswer: (isAnswered: boolean) => void): boolean {
    const thread = this.#livingThread;
    const { session } = this;
    if (!(session === 'open' || session === 'closing') || thread === undefined) return false;
    const question = this.#nextQuestion;
    this.#nextQuestion += 1;
    this.#questions.set(question, onAnswer);
    thread.post({ kind, channel: this.number, question });
    return true;
  }

  #answered(question: number, isAnswered: boolean): void {
    const onAnswer = this.#questions.get(question);
    this.#questions.delete(question);
    onAnswer?.(isAnswered);
  }

  #closed(forcedSockets: number): void {
    if (!this.#endClosing(forcedSockets)) return;
    this.#thread?.remove(this);
    this.#thread?.release();
  }

  /** False when nobody waits for its end, or no longer. */
  #endClosing(forcedSockets: number): boolean {
    const closing = this.#closing;
    if (closing === undefined || closing.isOver) return false;
    closing.isOver = true;
    systemClock.clearTimer(closing.timer);
    closing.resolve(forcedSockets);
    return true;
  }

  #closeWhenLeft(): void {
    if (this.#isLeaving && this.#callCount === 0) void this.close('the channel was closed');
  }

  /** Its thread is blocked, or is a program that knows nothing of connections: nobody is to wait for it. */
  #neverClosed(thread: ChannelThread): void {
    if (thread.hasStarted) return this.#closed(0);
    thread.giveUp(
      new Error(`it has said nothing for ${CLOSE_TIMEOUT_MS} ms: is workerUrl the program of the threads?`),
    );
  }

  /**
   * A channel by itself holds the process while it connects, as the socket of grpc-js does. A pool sees to that for its
   * own.
   */
  #holdWhileConnecting(isConnecting: boolean): void {
    if (this.settings.isOnce || isConnecting === this.#isHeld) return;
    this.#isHeld = isConnecting;
    if (isConnecting) this.#thread?.hold();
    else this.#thread?.release();
  }

  #setState(state: connectivityState): void {
    if (state === this.state) return;
    this.state = state;
    if (!this.#isChannelClosed) this.#holdWhileConnecting(state === connectivityState.CONNECTING);
    this.#onState?.(state);
  }

  #post(kind: 'connect' | 'close-channel'): void {
    this.#livingThread?.post({ kind, channel: this.number });
  }
}

/** A certificate crosses with its bytes as plain arrays of them. */
function withBuffers(context: AuthContext): AuthContext {
  const certificate = context.sslPeerCertificate;
  if (certificate === undefined) return context;
  const entries = Object.entries(certificate).map(([key, value]: [string, unknown]) => [
    key,
    value instanceof Uint8Array ? Buffer.from(value) : value,
  ]);
  return { ...context, sslPeerCertificate: Object.fromEntries(entries) as typeof certificate };
}
