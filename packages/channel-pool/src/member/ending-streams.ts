import { LinkedList, ListNode, type Clock, type Timer } from '@grpc-manifold/core/internal';
import type { ResetBudget } from './reset-budget.js';
import { STALLED_AFTER_MS } from './silence.js';

/** A call that we ended for its caller, and whose stream must now be ended for the connection. */
export interface EndingStream {
  /** Where it waits for its reset; for {@link EndingStreams} to set. */
  resetPlace: ListNode<EndingStream> | undefined;
  /** Ends the stream; the connection gets an RST_STREAM. */
  reset(): void;
  /** The reset must wait for the budget: what the other end sends until then is for nobody. */
  awaitReset(): void;
}

/** The connection that streams end on. */
export interface EndingConnection {
  /** A number that grows with everything that the other end sends. */
  lifeSigns(): number;
  /** True while it takes calls. */
  hasRoom(): boolean;
  /** Asks the other end for a sign of life, to show in {@link lifeSigns}. False where it cannot be asked. */
  probe(): boolean;
}

/** What comes of it. */
export interface EndingObserver {
  /** Streams are gone: there is room again. */
  onRoom(): void;
  /** Nothing was heard of the connection for too long while streams ended on it. */
  onStalled(silentMs: number): void;
}

/** Milliseconds between two looks at a connection on which streams are ending. */
const REVIEW_MS = 20;
/** The same, once it has been silent for long and cannot be asked. */
const SLOW_REVIEW_MS = 500;
/**
 * Looks that must have found nothing by then: a process that was busy with itself has heard nothing, but not listened.
 */
const STALLED_AFTER_REVIEWS = 100;

/**
 * The streams of one connection whose calls have ended for their callers by a deadline or a cancel of ours, and which
 * still take up room. The reset goes out as the budget allows; the room is given back when the connection has shown
 * life after it. Without this a peer that has stopped reading gets a new call for each that timed out, and memory grows
 * by 180–214 MB in half a minute however well the queue is bounded.
 */
export class EndingStreams {
  /** Waiting for the budget, oldest first. */
  readonly #unsent = new LinkedList<EndingStream>();
  /** Reset, but the connection has shown no life since. */
  #unconfirmed = 0;
  #lifeAtReset = 0;
  /** When the silence began: the oldest reset that is not confirmed, or the last sign of life. */
  #silentSinceMs = 0;
  #silentReviews = 0;
  #timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly budget: ResetBudget,
    private readonly connection: EndingConnection,
    private readonly observer: EndingObserver,
  ) {}

  /** How many streams take up room. */
  get count(): number {
    return this.#unsent.size + this.#unconfirmed;
  }

  /** Ends a stream, now or as soon as the budget allows. */
  end(stream: EndingStream): void {
    stream.resetPlace = new ListNode();
    this.#unsent.push(stream.resetPlace, stream);
    this.#send();
    if (stream.resetPlace.item !== undefined) stream.awaitReset();
    this.#watch();
  }

  /** The other end has ended a stream by itself. True when it was still waiting for its reset. */
  ended(stream: EndingStream): boolean {
    if (!this.#takeOut(stream)) return false;
    this.observer.onRoom();
    return true;
  }

  /** Looks for a sign of life; cheap when nothing is ending. */
  review(): void {
    if (this.#unconfirmed === 0) return;
    if (this.connection.lifeSigns() <= this.#lifeAtReset) return;
    this.#unconfirmed = 0;
    this.observer.onRoom();
    // One that was taken for stalled and lives after all owes the other end the resets that still wait.
    this.#watch();
  }

  /** Lets go of all: the connection is about to be closed, so that no budget needs to be kept. */
  close(): void {
    for (const stream of this.#unsent.toArray()) if (this.#takeOut(stream)) stream.reset();
    this.#unconfirmed = 0;
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #send(): void {
    const nowMs = this.clock.elapsed();
    // One mark serves all: what was confirmed before these resets is taken off first.
    this.review();
    for (let stream = this.#unsent.first?.item; stream !== undefined; stream = this.#unsent.first?.item) {
      if (!this.budget.take(nowMs)) return;
      this.#takeOut(stream);
      if (this.#unconfirmed === 0) {
        this.#silentSinceMs = nowMs;
        this.#silentReviews = 0;
      }
      this.#unconfirmed += 1;
      this.#lifeAtReset = this.connection.lifeSigns();
      stream.reset();
    }
  }

  /** False when it does not wait for its reset. */
  #takeOut(stream: EndingStream): boolean {
    return stream.resetPlace !== undefined && this.#unsent.remove(stream.resetPlace);
  }

  get #silentMs(): number {
    return this.#unconfirmed === 0 ? 0 : this.clock.elapsed() - this.#silentSinceMs;
  }

  #watch(): void {
    if (this.#timer !== undefined || this.count === 0) return;
    const isLongSilent = this.#unsent.size === 0 && this.#silentMs >= STALLED_AFTER_MS;
    this.#timer = this.clock.setTimer(this.#onTimer, isLongSilent ? SLOW_REVIEW_MS : REVIEW_MS);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.review();
    this.#send();
    if (this.#unconfirmed > 0) {
      this.#silentReviews += 1;
      const asked = this.connection.probe();
      const silentMs = this.#silentMs;
      // One that was not asked had no reason to speak: silence tells nothing, until it stands in the way of calls.
      if (
        silentMs >= STALLED_AFTER_MS &&
        this.#silentReviews >= STALLED_AFTER_REVIEWS &&
        (asked || !this.connection.hasRoom())
      ) {
        this.observer.onStalled(silentMs);
        return;
      }
    }
    this.#watch();
  };
}
