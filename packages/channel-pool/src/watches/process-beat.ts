import type { Clock, Timer } from '@grpc-manifold/core/internal';
import { standstillMs } from './standstill.js';

/** Milliseconds between two beats. */
export const BEAT_MS = 1_000;

/** Somebody with connections. */
export interface BeatListener {
  /**
   * This process stood still for so many milliseconds. Called by the timer, or inside {@link ProcessBeat.look}; must
   * neither throw nor hand out calls.
   */
  onStandstill(standstillMs: number): void;
}

/**
 * Notices that this process stood still: it was stopped, its event loop was blocked, or the machine slept. One timer
 * serves all pools that go by one clock. It is unref'd and runs only while some pool has a connection.
 *
 * Pools are held weakly, so that one which nobody references can be collected although it has connections.
 */
export class ProcessBeat {
  readonly #listeners = new Set<WeakRef<BeatListener>>();
  #timer: Timer | undefined;
  #wallMs = 0;
  #elapsedMs = 0;

  constructor(private readonly clock: Clock) {}

  /** Tells `listener` of standstills from now on. Hand what is returned to {@link leave}. */
  join(listener: BeatListener): WeakRef<BeatListener> {
    const place = new WeakRef(listener);
    this.#listeners.add(place);
    if (this.#timer === undefined) {
      this.#read();
      this.#wait();
    }
    return place;
  }

  /** Tells a listener no more. */
  leave(place: WeakRef<BeatListener>): void {
    this.#listeners.delete(place);
    if (this.#listeners.size > 0 || this.#timer === undefined) return;
    this.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Looks at the clocks now, and tells every listener when this process stood still. A process that goes on handles
   * what its sockets hold before its timers: a call may be made before the beat that is overdue. Costs two readings of
   * clocks.
   *
   * @returns the monotonic time.
   */
  look(): number {
    if (this.#timer === undefined) return this.clock.elapsed();
    const [wallMs, elapsedMs] = [this.#wallMs, this.#elapsedMs];
    this.#read();
    const stoodMs = standstillMs(this.#wallMs - wallMs, this.#elapsedMs - elapsedMs);
    if (stoodMs > 0) for (const listener of this.#listeners) listener.deref()?.onStandstill(stoodMs);
    return this.#elapsedMs;
  }

  #read(): void {
    this.#wallMs = this.clock.now();
    this.#elapsedMs = this.clock.elapsed();
  }

  #wait(): void {
    this.#timer = this.clock.setTimer(this.#onTimer, BEAT_MS);
  }

  readonly #onTimer = (): void => {
    const fired = this.#timer;
    this.look();
    if (this.#timer !== fired) return;
    this.#timer = undefined;
    for (const place of this.#listeners) if (place.deref() === undefined) this.#listeners.delete(place);
    if (this.#listeners.size > 0) this.#wait();
  };
}

const beats = new WeakMap<Clock, ProcessBeat>();

/** Finds the beat of a clock. The system's clock is one for the whole thread. */
export function beatOf(clock: Clock): ProcessBeat {
  let beat = beats.get(clock);
  if (beat === undefined) beats.set(clock, (beat = new ProcessBeat(clock)));
  return beat;
}
