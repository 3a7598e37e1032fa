import { connectivityState, type ChannelInterface, type ChannelOptions } from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';
import { systemClock, type Connection, type Goaway, type SessionState, type Timer } from '@grpc-manifold/core/internal';
import type { CredentialsRecipe } from '../crossing/credentials-recipe.js';
import type { BatchWriter } from '../wire/batch-writer.js';
import type { AuthContext, ThreadEvent } from '../wire/thread-event.js';
import type { ConnectionSnapshot } from '../wire/connection-snapshot.js';
import type { ChannelThread } from './channel-thread.js';
import type { ThreadedCall } from './threaded-call.js';
import type { ThreadedConnection } from './threaded-connection.js';

/** How the thread makes a connection. */
export interface ThreadConnectionSettings {
  readonly target: string;
  readonly options: ChannelOptions;
  readonly credentials: CredentialsRecipe;
  /** True for a channel that connects once, as members of a pool do. Others reconnect. */
  readonly isOnce: boolean;
}

/** Milliseconds for a thread to close a connection. It needs up to 100 when the server does not close its side. */
const CLOSE_TIMEOUT_MS = 5_000;

interface Closing {
  readonly promise: Promise<number>;
  readonly resolve: (forcedSockets: number) => void;
  readonly timer: Timer;
  isOver: boolean;
}

/** A connection in a worker thread. Its fields are as the last batch of the thread has reported them. */
export class ThreadConnection implements Connection, ThreadedConnection {
  /** The connection's number in its thread; 0 before it connects. */
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
  /** Set when the connection connects. */
  #thread: ChannelThread | undefined;
  #callCount = 0;
  /** True when the connection closes after its last call. */
  #closesWhenIdle = false;
  #isChannelClosed = false;
  #isRetained = false;
  #closing: Closing | undefined;

  constructor(
    readonly channel: ChannelInterface,
    private readonly settings: ThreadConnectionSettings,
    /** Chooses the thread when the connection connects. */
    private readonly findThread: () => ChannelThread,
    private readonly onChannelClosed: () => void,
  ) {}

  /** Not known here: stream ids are assigned in the thread, which also tells {@link neverActedOn}. */
  get nextStreamId(): number {
    return 0;
  }

  /** True when the thread has ended, and the connection with it. */
  get isLost(): boolean {
    return this.#thread?.end !== undefined;
  }

  /** Undefined before the connection connects, and when its thread has ended. */
  get #livingThread(): ChannelThread | undefined {
    return this.isLost ? undefined : this.#thread;
  }

  connect(onState: (state: connectivityState) => void): void {
    this.#onState = onState;
    const thread = this.findThread();
    this.#thread = thread;
    if (thread.end !== undefined) return this.onThreadEnd(thread.end.reason);
    thread.addConnection(this);
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

  /** Starts another attempt to connect. */
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
    const timer = systemClock.setTimer(() => this.#onCloseTimeout(thread), CLOSE_TIMEOUT_MS);
    this.#closing = { promise, resolve, timer, isOver: false };
    // The caller waits for the sockets to close, so the process must stay alive.
    thread.retain();
    thread.post({ kind: 'close', channel: this.number, reason });
    return promise;
  }

  /** Closes the channel now, and the connection when the calls on it have ended. */
  closeWhenIdle(): void {
    this.closeChannel();
    this.#closesWhenIdle = true;
    this.#closeIfIdle();
  }

  // ── for its calls ─────────────────────────────────────────────────────────────────────────────────────────────────

  open(): BatchWriter {
    return (this.#thread as ChannelThread).open();
  }

  undo(): void {
    this.#thread?.undo();
  }

  addCall(call: ThreadedCall): void {
    this.#thread?.addCall(call);
    this.#callCount += 1;
  }

  removeCall(call: ThreadedCall): void {
    if (this.#thread?.removeCall(call) !== true) return;
    this.#callCount -= 1;
    this.#closeIfIdle();
  }

  // ── events of the thread ──────────────────────────────────────────────────────────────────────────────────────────

  onEvent(event: Exclude<ThreadEvent, { kind: 'started' }>): void {
    switch (event.kind) {
      case 'refused':
        this.error = { message: event.error };
        return this.onStateChange(connectivityState.TRANSIENT_FAILURE);
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

  onStateChange(state: connectivityState): void {
    this.#setState(state);
  }

  onSnapshot(changes: Partial<ConnectionSnapshot>): void {
    Object.assign(this, changes);
  }

  onThreadEnd(reason: string): void {
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
    this.#retainWhileConnecting(false);
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
    this.#thread?.removeConnection(this);
    this.#thread?.release();
  }

  /** @returns false when no `close` is pending. */
  #endClosing(forcedSockets: number): boolean {
    const closing = this.#closing;
    if (closing === undefined || closing.isOver) return false;
    closing.isOver = true;
    systemClock.clearTimer(closing.timer);
    closing.resolve(forcedSockets);
    return true;
  }

  #closeIfIdle(): void {
    if (this.#closesWhenIdle && this.#callCount === 0) void this.close('the channel was closed');
  }

  /** Ends the wait for a thread that is blocked, or that runs a program other than the package's own. */
  #onCloseTimeout(thread: ChannelThread): void {
    if (thread.hasStarted) return this.#closed(0);
    thread.giveUp(
      new Error(`the thread sent no message for ${CLOSE_TIMEOUT_MS} ms: is workerUrl the program of the threads?`),
    );
  }

  /**
   * A channel without a pool keeps the process alive while it connects, as the socket of a grpc-js channel does. A pool
   * does that for its members itself.
   */
  #retainWhileConnecting(isConnecting: boolean): void {
    if (this.settings.isOnce || isConnecting === this.#isRetained) return;
    this.#isRetained = isConnecting;
    if (isConnecting) this.#thread?.retain();
    else this.#thread?.release();
  }

  #setState(state: connectivityState): void {
    if (state === this.state) return;
    this.state = state;
    if (!this.#isChannelClosed) this.#retainWhileConnecting(state === connectivityState.CONNECTING);
    this.#onState?.(state);
  }

  #post(kind: 'connect' | 'close-channel'): void {
    this.#livingThread?.post({ kind, channel: this.number });
  }
}

/** Structured clone turns the Buffers of a certificate into Uint8Arrays. This makes them Buffers again. */
function withBuffers(context: AuthContext): AuthContext {
  const certificate = context.sslPeerCertificate;
  if (certificate === undefined) return context;
  const entries = Object.entries(certificate).map(([key, value]: [string, unknown]) => [
    key,
    value instanceof Uint8Array ? Buffer.from(value) : value,
  ]);
  return { ...context, sslPeerCertificate: Object.fromEntries(entries) as typeof certificate };
}
