import type { CallExplanation } from '@grpc-manifold/core';
import type { Clock, Connection } from '@grpc-manifold/core/internal';
import { EndingStreams, type EndingObserver, type EndingStream } from './ending-streams.js';
import type { LifeSigns } from './life-signs.js';
import type { ResetBudget } from './reset-budget.js';

/** Streams that are put on a connection whose server's limit cannot be seen. */
export const UNSEEN_LIMIT = 100;
/** Streams that are put on any connection at the most. */
const HIGHEST_LIMIT = 1_000;
/** Calls that are put on a connection beyond its last sign of life (docs/decisions/0024). */
const UNANSWERED_CALLS = 100;
/** Calls beyond the last sign of life at which the connection is asked for one. */
const ASK_AT_CALLS = UNANSWERED_CALLS / 2;

/** Who is told. */
export interface StreamRoomObserver extends EndingObserver {
  /** True while the member would get a call. */
  hasRoom(): boolean;
}

/**
 * The streams of one connection: calls in flight, and streams that still have to end on it after their calls have ended
 * for their callers. A call is counted in by {@link countIn} and out by {@link countOut}, and nowhere else.
 */
export class StreamRoom {
  inFlightCalls = 0;
  startedCalls = 0;
  failedCalls = 0;
  /** When a call was counted out last and none was left, or when the member was made. Monotonic milliseconds. */
  lastUsedMs: number;
  /** Calls that were put on the connection since its last sign of life, at the least. */
  #unansweredCalls = 0;
  /** {@link LifeSigns.count} when the {@link ASK_AT_CALLS}th of these was put on it. */
  #lifeAtMark = 0;
  readonly #endings: EndingStreams;

  constructor(
    private readonly clock: Clock,
    private readonly life: LifeSigns,
    resets: ResetBudget,
    /** Its limit is read anew each time: it may change at any time, and so may the user's. */
    private readonly connection: Pick<Connection, 'serverLimit'>,
    /** The limit that the user has set. */
    private readonly maxStreamsPerChannel: () => number | undefined,
    observer: StreamRoomObserver,
  ) {
    this.lastUsedMs = clock.elapsed();
    const ending = {
      lifeSigns: () => life.count,
      hasRoom: () => observer.hasRoom(),
      probe: () => life.ask(),
    };
    this.#endings = new EndingStreams(clock, resets, ending, observer);
  }

  /** Streams that still have to end on the connection. */
  get endingStreams(): number {
    return this.#endings.count;
  }

  get usedStreams(): number {
    return this.inFlightCalls + this.#endings.count;
  }

  /**
   * Streams that may be on the connection: the user's limit or the server's, the smaller of both where both are known.
   */
  get maxConcurrentStreams(): number {
    const users = this.maxStreamsPerChannel();
    const servers = this.connection.serverLimit;
    if (servers === undefined) return users ?? UNSEEN_LIMIT;
    return Math.min(users ?? HIGHEST_LIMIT, servers);
  }

  /** Whose limit {@link maxConcurrentStreams} is. */
  get limitedBy(): NonNullable<CallExplanation['limitedBy']> {
    const users = this.maxStreamsPerChannel();
    const servers = this.connection.serverLimit;
    if (servers !== undefined && servers <= (users ?? HIGHEST_LIMIT)) return 'server';
    return users === undefined ? 'default' : 'maxStreamsPerChannel';
  }

  /** True when the limit allows one more stream. */
  get isBelowLimit(): boolean {
    return this.usedStreams < this.maxConcurrentStreams;
  }

  /**
   * True when one more call may be put on the connection. Without a limit of the user's, one that was given many calls
   * since its last sign of life gets no more before the next one. So a stopped server costs a bounded amount of memory,
   * however many streams it allows.
   */
  get isFree(): boolean {
    return this.isBelowLimit && (this.#unansweredCalls < UNANSWERED_CALLS || this.#isProven);
  }

  /** Of bytes that answer neither a call nor a question is only known whether they came after half of the calls. */
  get #isProven(): boolean {
    return this.life.count > this.#lifeAtMark || this.maxStreamsPerChannel() !== undefined;
  }

  /** Counts a call in. In the tick in which the member is picked, so that a burst spreads. */
  countIn(): void {
    const isHeldBack = this.#unansweredCalls >= UNANSWERED_CALLS && this.maxStreamsPerChannel() === undefined;
    if (isHeldBack && this.life.count > this.#lifeAtMark) {
      // More bytes have come in since the mark: half of the calls are answered for.
      this.#unansweredCalls = ASK_AT_CALLS;
      this.#mark();
    }
    this.inFlightCalls += 1;
    this.startedCalls += 1;
    this.#unansweredCalls += 1;
    if (this.#unansweredCalls === ASK_AT_CALLS) this.#mark();
  }

  /**
   * Counts a call out.
   *
   * @param ending `answered`: the server has ended it. `failed`: the same, by an error. A stream: we have ended the
   * call, and the stream takes up room until the connection has dealt with it. `undefined`: the same on a closed
   * connection.
   * @throws Error when no call is counted in.
   */
  countOut(ending: 'answered' | 'failed' | EndingStream | undefined): void {
    if (this.inFlightCalls === 0) throw new Error('A call was counted out of a connection that has no calls');
    if (ending === 'failed') this.failedCalls += 1;
    if (ending === 'failed' || ending === 'answered') {
      if (this.#unansweredCalls > 0) this.#unansweredCalls -= 1;
    } else if (ending !== undefined) {
      this.#endings.end(ending);
    }
    this.inFlightCalls -= 1;
    // Only then is the connection idle. Reading the clock costs more than picking a connection.
    if (this.inFlightCalls === 0) this.lastUsedMs = this.clock.elapsed();
    this.#endings.review();
  }

  /** The server has ended a stream that was to be reset. */
  ended(stream: EndingStream): void {
    this.#endings.ended(stream);
  }

  /**
   * A sign of life proves that the calls before it have arrived. True when the connection was held back for want of
   * one.
   */
  heard(): boolean {
    const wasHeldBack = this.#unansweredCalls >= UNANSWERED_CALLS;
    this.#unansweredCalls = 0;
    this.#endings.review();
    return wasHeldBack;
  }

  /** Calls wait: asks the other end for a sign of life when the connection is held back for want of one. */
  askWhenHeldBack(): void {
    if (this.#unansweredCalls >= UNANSWERED_CALLS && !this.#isProven) this.life.ask();
  }

  /** Ends what still has to end: the connection is about to close. */
  close(): void {
    this.#endings.close();
  }

  /** The other end is asked before the connection is held back, so that one that lives has answered by then. */
  #mark(): void {
    this.#lifeAtMark = this.life.count;
    if (this.maxStreamsPerChannel() === undefined) this.life.ask();
  }
}
