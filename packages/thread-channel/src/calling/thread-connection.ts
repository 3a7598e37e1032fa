import { connectivityState, type ChannelInterface, type ChannelOptions } from '@grpc/grpc-js';
import type { ChannelCall, Connection, Goaway, SessionState } from '@grpc-manifold/core';
import type { CredentialsRecipe } from '../crossing/credentials-recipe.js';
import type { BatchWriter } from '../wire/batch-writer.js';
import type { AuthContext, News } from '../wire/order.js';
import type { Sight } from '../wire/sight.js';
import type { ChannelThread, ThreadedCall, ThreadedConnection } from './channel-thread.js';

/** What a connection in a thread is made of. */
export interface ThreadConnectionSettings {
  readonly target: string;
  readonly options: ChannelOptions;
  readonly credentials: CredentialsRecipe;
  /** It makes one connection in its life; else as many as it takes. */
  readonly isOnce: boolean;
}

/** A connection that lives in a thread: what is to be seen of it is as of the last batch from there. */
export class ThreadConnection implements Connection, ThreadedConnection {
  /** Its number in its thread. */
  readonly number: number;
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
  #isChannelClosed = false;
  #closing: { readonly promise: Promise<number>; readonly resolve: (forcedSockets: number) => void } | undefined;

  constructor(
    readonly channel: ChannelInterface,
    readonly thread: ChannelThread,
    settings: ThreadConnectionSettings,
    /** Called when the channel is closed. */
    private readonly onChannelClosed: () => void,
  ) {
    this.number = thread.nextNumber();
    if (thread.end === undefined) {
      thread.add(this);
      thread.post({ kind: 'open', channel: this.number, ...settings });
    } else {
      this.lost(thread.end.reason);
    }
  }

  /** A thread gives numbers to its streams by itself; see {@link neverActedOn}. */
  get nextStreamId(): number {
    return 0;
  }

  /** True when its thread is gone, and it with it. */
  get isLost(): boolean {
    return this.thread.end !== undefined;
  }

  connect(onState: (state: connectivityState) => void): void {
    this.#onState = onState;
    if (this.isLost) return onState(this.state);
    this.#setState(connectivityState.CONNECTING);
    this.#post('connect');
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
    if (this.isLost) return Promise.resolve(0);
    let resolve: (forcedSockets: number) => void = () => undefined;
    const promise = new Promise<number>((settle) => {
      resolve = settle;
    });
    this.#closing = { promise, resolve };
    // Who waits for the sockets to close waits in this thread.
    this.thread.hold();
    this.thread.post({ kind: 'close', channel: this.number, reason });
    return promise;
  }

  // ── for its calls ─────────────────────────────────────────────────────────────────────────────────────────────────

  open(): BatchWriter {
    return this.thread.open();
  }

  undo(): void {
    this.thread.undo();
  }

  enter(call: ThreadedCall): void {
    this.thread.enter(call);
  }

  leave(call: ThreadedCall): void {
    this.thread.leave(call);
  }

  // ── what the thread tells ─────────────────────────────────────────────────────────────────────────────────────────

  told(news: Exclude<News, { kind: 'started' }>): void {
    switch (news.kind) {
      case 'refused':
        this.error = { message: news.error };
        return this.stateIs(connectivityState.TRANSIENT_FAILURE);
      case 'answer':
        return this.#answered(news.question, news.isAnswered);
      case 'peer':
        this.peer = news.peer;
        return;
      case 'auth':
        this.authContext = withBuffers(news.context);
        return;
      case 'closed':
        return this.#closed(news.forcedSockets);
    }
  }

  stateIs(state: connectivityState): void {
    this.#setState(state);
  }

  sees(changes: Partial<Sight>): void {
    Object.assign(this, changes);
  }

  /** Its thread is gone. */
  lost(reason: string): void {
    if (this.session !== 'unseen') this.session = 'destroyed';
    this.isConnecting = false;
    this.error = { message: reason };
    for (const question of [...this.#questions.keys()]) this.#answered(question, false);
    this.#setState(
      this.state === connectivityState.READY ? connectivityState.IDLE : connectivityState.TRANSIENT_FAILURE,
    );
    this.#closing?.resolve(0);
  }

  #closeHere(): void {
    if (this.#isChannelClosed) return;
    this.#isChannelClosed = true;
    this.#onState = undefined;
    this.onChannelClosed();
  }

  #ask(kind: 'ask' | 'ping', onAnswer: (isAnswered: boolean) => void): boolean {
    if (this.session !== 'open' || this.isLost) return false;
    const question = this.#nextQuestion;
    this.#nextQuestion += 1;
    this.#questions.set(question, onAnswer);
    this.thread.post({ kind, channel: this.number, question });
    return true;
  }

  #answered(question: number, isAnswered: boolean): void {
    const onAnswer = this.#questions.get(question);
    this.#questions.delete(question);
    onAnswer?.(isAnswered);
  }

  #closed(forcedSockets: number): void {
    this.thread.remove(this);
    this.thread.release();
    this.#closing?.resolve(forcedSockets);
  }

  #setState(state: connectivityState): void {
    if (state === this.state) return;
    this.state = state;
    this.#onState?.(state);
  }

  #post(kind: 'connect' | 'close-channel'): void {
    if (!this.isLost) this.thread.post({ kind, channel: this.number });
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
