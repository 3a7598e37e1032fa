import { AsyncResource } from 'node:async_hooks';
import { Emitter, OptionReader, systemClock, type Clock, type Timer } from '@grpc-manifold/core/internal';
import { openStreamOf, type OpenStream } from './open-stream.js';
import type { StreamRecord } from './stream-record.js';
import { allRecords, observeRecords, recordCount, type RecordsObserver } from './stream-records.js';

/** What a watch tells. */
export interface StreamAlarm {
  /**
   * - `too-many`: one more is open than `maxOpenStreams`; told again only after they were down to that.
   * - `too-old`: a stream has been open for `maxAgeMs`; told once of each.
   * - `collected`: a scoped stream was garbage-collected before it ended; it is cancelled.
   */
  readonly reason: 'too-many' | 'too-old' | 'collected';
  /** The stream that it is about; for `too-many` the one that was too many, unless it was so when the watch began. */
  readonly stream?: OpenStream | undefined;
  /** How many streams were open then. */
  readonly open: number;
}

/** Says from when on open streams are too many or too old, and who is told. */
export interface WatchStreamsOptions {
  /** Streams that may be open in this process: a whole number of at least 0, or Infinity (the default). */
  readonly maxOpenStreams?: number;
  /** Milliseconds that a stream may be open: at least 1, or Infinity (the default). */
  readonly maxAgeMs?: number;
  /** Is told, never from within a call. What it throws becomes a process warning. */
  readonly onAlarm: (alarm: StreamAlarm) => void;
}

/** What a watch takes from its surroundings. */
export interface WatchStreamsEnvironment {
  /** Default: the system's. */
  readonly clock?: Clock;
}

/** Those who are told of collected streams. */
const watches = new Set<StreamWatch>();

/**
 * Watches the streams that {@link openStreams} lists, until it is disposed. It costs a set's entry a stream and, with
 * `maxAgeMs`, one timer that does not hold the process; nothing while no stream is open.
 *
 * @throws TypeError, RangeError naming the option, its range and the value.
 */
export function watchStreams(options: WatchStreamsOptions, environment: WatchStreamsEnvironment = {}): Disposable {
  const reader = new OptionReader('watchStreams', options, ['maxOpenStreams', 'maxAgeMs', 'onAlarm']);
  const maxOpenStreams = reader.integer('maxOpenStreams', Infinity, { min: 0, unlimited: true });
  const maxAgeMs = reader.number('maxAgeMs', Infinity, { min: 1, unlimited: true });
  const onAlarm = reader.optionalFunction('onAlarm');
  if (onAlarm === undefined) throw new TypeError('watchStreams: onAlarm must be a function, got undefined');
  return new StreamWatch(maxOpenStreams, maxAgeMs, onAlarm, environment.clock ?? systemClock);
}

/** Tells every watch of a stream that was garbage-collected before it ended. @returns false when nobody watches. */
export function alarmCollected(stream: OpenStream): boolean {
  for (const watch of watches) watch.alarm('collected', stream);
  return watches.size > 0;
}

class StreamWatch implements RecordsObserver, Disposable {
  /** Open and not yet told of as too old, oldest first; empty where no age is too high. */
  readonly #young: Set<StreamRecord>;
  readonly #alarms = new Emitter<StreamAlarm>();
  readonly #subscriptions: readonly Disposable[];
  #tooMany = false;
  #timer: Timer | undefined;

  constructor(
    private readonly maxOpenStreams: number,
    private readonly maxAgeMs: number,
    onAlarm: (alarm: StreamAlarm) => void,
    private readonly clock: Clock,
  ) {
    // In the context of whoever watches: the timer is set, and the streams are opened, in those of all others.
    const listener = AsyncResource.bind(onAlarm);
    this.#subscriptions = [this.#alarms.event(listener), observeRecords(this)];
    watches.add(this);
    this.#young = new Set(maxAgeMs === Infinity ? [] : allRecords());
    this.#aim();
    this.#count();
  }

  added(record: StreamRecord): void {
    if (this.maxAgeMs !== Infinity) {
      this.#young.add(record);
      if (this.#timer === undefined) this.#aim();
    }
    this.#count(record);
  }

  removed(record: StreamRecord): void {
    // The timer is left as it is: it fires once for nothing, instead of being set anew with every short stream.
    this.#young.delete(record);
    if (this.#tooMany && recordCount() <= this.maxOpenStreams) this.#tooMany = false;
  }

  alarm(reason: StreamAlarm['reason'], stream?: OpenStream, open = recordCount()): void {
    this.#alarms.emit(Object.freeze({ reason, stream, open }));
  }

  [Symbol.dispose](): void {
    watches.delete(this);
    for (const subscription of this.#subscriptions) subscription[Symbol.dispose]();
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
    this.#timer = undefined;
    this.#young.clear();
  }

  #count(record?: StreamRecord): void {
    const open = recordCount();
    if (this.#tooMany || open <= this.maxOpenStreams) return;
    this.#tooMany = true;
    // Not at once: whoever opens the stream has not got it yet, and until it is started no cancel reaches it.
    queueMicrotask(() => this.alarm('too-many', record && openStreamOf(record), open));
  }

  /** Sets the timer for the oldest that is not told of. */
  #aim(): void {
    for (const oldest of this.#young) {
      this.#timer = this.clock.setTimer(this.#look, Math.max(this.maxAgeMs - oldest.ageMs, 0));
      return;
    }
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    for (const record of this.#young) {
      if (record.ageMs < this.maxAgeMs) break;
      this.#young.delete(record);
      this.alarm('too-old', openStreamOf(record));
    }
    // A listener may have disposed the watch, which empties the set, or opened a stream, which sets the timer.
    if (this.#timer === undefined) this.#aim();
  };
}
