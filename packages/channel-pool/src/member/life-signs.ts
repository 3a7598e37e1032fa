import type { TransportFault } from '@grpc-manifold/core';
import type { Clock, Connection, Timer } from '@grpc-manifold/core/internal';
import { Silence } from './silence.js';

/** Milliseconds that a connection has to answer before its first call after a pause. */
const VERIFY_TIMEOUT_MS = 1_000;

/** Who is told how a connection fares. */
export interface LifeObserver {
  /** How many calls were put on the connection so far. */
  startedCalls(): number;
  /** It has answered what it was asked. */
  onAnswer(): void;
  /** It was asked for a sign of life and gave none in time. */
  onDeath(fault: TransportFault): void;
  /** It was verified and gave no sign of life in time. */
  onUnverified(fault: TransportFault): void;
  /** It was asked for a sign of life and has given none for so long that it is stalled. */
  onStalled(fault: TransportFault): void;
}

/** What was heard of the other end of one connection, when, and whether it answers when it is asked. */
export class LifeSigns {
  /** Messages, headers and endings of calls that came in. */
  messages = 0;
  /** PINGs that were sent. */
  pings = 0;
  #heardAtMs: number;
  #messagesAtLook = 0;
  #bytesAtLook = 0;
  #lookedAtMs: number;
  #pingedAtMs = -Infinity;
  #pingTimer: Timer | undefined;
  #isAsking = false;
  /** Questions that are unanswered. */
  #questions = 0;
  #provenCalls = 0;
  /** {@link count} when the connection was found to be stalled. */
  #stalledAt: number | undefined;
  readonly #silence: Silence;
  #verification: 'none' | 'to-ask' | 'asked' = 'none';
  #verificationTimer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly connection: Pick<Connection, 'session' | 'bytesRead' | 'ask' | 'ping'>,
    /** Milliseconds after a question without any sign of life until it is dead; Infinity for never. */
    silenceTimeoutMs: number,
    private readonly observer: LifeObserver,
  ) {
    this.#heardAtMs = this.#lookedAtMs = clock.elapsed();
    this.#silence = new Silence(clock, this, silenceTimeoutMs, {
      onStalled: (silentMs) => observer.onStalled(stalled(silentMs)),
      onSilent: (silentMs) => observer.onDeath(stalled(silentMs, ` (silenceTimeoutMs ${silenceTimeoutMs})`)),
    });
  }

  /** A number that grows with everything that comes in: bytes where they are seen, else what comes in by calls. */
  get count(): number {
    return this.connection.bytesRead || this.messages;
  }

  /**
   * Calls that had been put on the connection when the last question that was answered was asked. Nothing but that
   * answer proves that they arrived: whatever else comes in may have been sent before.
   */
  get provenCalls(): number {
    return this.#provenCalls;
  }

  /** True where the other end can be asked, also after a GOAWAY and while its channel is closed. */
  get canAsk(): boolean {
    const { session } = this.connection;
    return session === 'open' || session === 'closing';
  }

  /** True when the connection was found to be stalled and has shown no life since. */
  get isStalled(): boolean {
    return this.#stalledAt === this.count;
  }

  /** The connection was found to be stalled. */
  markStalled(): void {
    this.#stalledAt = this.count;
  }

  /**
   * Looks for bytes. Returns the milliseconds since anything came in, at the most. When bytes came that belong to no
   * call and answer no question is not known: they count as having come at the look before.
   */
  look(): number {
    const nowMs = this.clock.elapsed();
    const bytes = this.connection.bytesRead;
    if (bytes > this.#bytesAtLook && this.messages === this.#messagesAtLook) {
      this.#heardAtMs = Math.max(this.#heardAtMs, this.#lookedAtMs);
    }
    this.#bytesAtLook = bytes;
    this.#messagesAtLook = this.messages;
    this.#lookedAtMs = nowMs;
    return nowMs - this.#heardAtMs;
  }

  /** Milliseconds since the last PING; Infinity when none was sent. */
  get pingedMs(): number {
    return this.clock.elapsed() - this.#pingedAtMs;
  }

  /** True while a PING is unanswered. */
  get isPinging(): boolean {
    return this.#pingTimer !== undefined;
  }

  /** True when it is to be asked, or was and has not answered, before it gets another call. */
  get needsVerification(): boolean {
    return this.#verification !== 'none';
  }

  /** Something of a call came in. */
  heard(): void {
    this.messages += 1;
    this.#heardAtMs = this.clock.elapsed();
  }

  /**
   * Asks for a sign of life with an empty SETTINGS frame, which must be acknowledged (RFC 9113, section 6.5.3) and,
   * unlike a PING, is no strike (docs/decisions/0002). False where it cannot be asked.
   */
  ask(): boolean {
    if (!this.canAsk) return false;
    if (this.#isAsking) return true;
    this.#isAsking = this.#ask(
      () => this.observer.onAnswer(),
      () => (this.#isAsking = false),
    );
    return this.#isAsking;
  }

  /** Sends a PING; without an answer, or anything else that comes in, within `timeoutMs` it is dead. */
  ping(timeoutMs: number): void {
    if (!this.canAsk || this.isPinging) return;
    const { count } = this;
    const onEnd = (): void => {
      if (this.canAsk) this.#heardAtMs = this.clock.elapsed();
      this.#stopPing();
    };
    if (!this.connection.ping(onEnd)) return;
    this.pings += 1;
    this.#pingedAtMs = this.clock.elapsed();
    const timer = (this.#pingTimer = this.#after(timeoutMs, () => {
      if (timer !== this.#pingTimer) return;
      this.#pingTimer = undefined;
      if (this.count > count) return;
      this.observer.onDeath({ tag: 'keepalive-timeout', detail: `a PING was not answered within ${timeoutMs} ms` });
    }));
  }

  /** From now on it gets no call before it has been asked by {@link verify} and has answered. */
  requireVerification(): void {
    if (this.#verification === 'none') this.#verification = 'to-ask';
  }

  /** Somebody waits for a connection: asks this one, where it has to be verified. */
  verify(): void {
    if (this.#verification !== 'to-ask') return;
    this.#verification = 'asked';
    const silentMs = Math.round(this.look());
    const { count } = this;
    // A question of its own: the answer to an earlier one may have come in before verification was required, and lie in
    // the socket.
    this.#ask(() => {
      if (this.#verification === 'asked') this.#trust();
      this.observer.onAnswer();
    });
    const timer = (this.#verificationTimer = this.#after(VERIFY_TIMEOUT_MS, () => {
      if (timer !== this.#verificationTimer) return;
      if (this.count > count) {
        this.#trust();
        return this.observer.onAnswer();
      }
      const detail = `no sign of life within ${VERIFY_TIMEOUT_MS} ms before a call, after ${silentMs} ms of silence`;
      this.observer.onUnverified({ tag: 'keepalive-timeout', detail });
    }));
  }

  /** Forgets its timers. */
  close(): void {
    this.#stopPing();
    this.#stopVerification();
    this.#silence.end();
  }

  /**
   * Asks one question, and has its silence watched until all are answered.
   *
   * @param onEnd called with the answer, before `onAnswer`, and when the session is gone instead.
   */
  #ask(onAnswer: () => void, onEnd: () => void = () => undefined): boolean {
    const startedCalls = this.observer.startedCalls();
    this.#questions += 1;
    const isAsked = this.connection.ask((isAnswered) => {
      this.#questions -= 1;
      if (this.#questions === 0) this.#silence.end();
      onEnd();
      if (!isAnswered) return;
      this.#heardAtMs = this.clock.elapsed();
      // Questions are answered in the order in which they were asked (RFC 9113, section 6.5.3).
      this.#provenCalls = startedCalls;
      onAnswer();
    });
    if (isAsked) this.#silence.begin();
    else this.#questions -= 1;
    return isAsked;
  }

  /** A process that was busy all the while has not looked for the answer yet: it does before the next turn. */
  #after(delayMs: number, then: () => void): Timer {
    return this.clock.setTimer(() => this.clock.soon(then), delayMs);
  }

  #trust(): void {
    this.#stopVerification();
    this.#verification = 'none';
  }

  #stopPing(): void {
    if (this.#pingTimer !== undefined) this.clock.clearTimer(this.#pingTimer);
    this.#pingTimer = undefined;
  }

  #stopVerification(): void {
    if (this.#verificationTimer !== undefined) this.clock.clearTimer(this.#verificationTimer);
    this.#verificationTimer = undefined;
  }
}

function stalled(silentMs: number, more = ''): TransportFault {
  const detail = `no sign of life for ${Math.round(silentMs)} ms after it was asked for one${more}`;
  return { tag: 'stalled', detail };
}
