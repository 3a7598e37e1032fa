import { EventEmitter } from 'node:events';
import { Metadata, status as Status, type StatusObject } from '@grpc/grpc-js';
import type { CallKind } from '@grpc-manifold/core';
import { currentTurn, warn, type Clock, type Timer, watchAbort } from '@grpc-manifold/core/internal';
import { StreamRecord } from '../open-streams/stream-record.js';
import { addRecord, recordOf, removeRecord } from '../open-streams/stream-records.js';
import { callError, isServiceError, ownError } from './call-error.js';
import { endingDetails, endingError, type Ending } from './ending.js';
import { handled, ignore, rejected } from './handled.js';
import { LifeLimits } from './life-limits.js';
import { MessageReader } from '../messages/message-reader.js';
import { methodPath } from '../scope/method-path.js';
import type { ResolvedScopeOptions } from '../scope/options.js';
import { PendingWrites } from './pending-writes.js';
import { isReadable, isWritable, type RawCall, type RawWritable } from './raw-call.js';

/**
 * How long a cancelled call may take to tell its status. grpc-js tells it in the same turn, or never: not of a call
 * that an interceptor had not started yet.
 */
const STATUS_GRACE_MS = 1_000;

/** What a stream is made with. */
export interface CallStateOptions extends ResolvedScopeOptions {
  readonly kind: CallKind;
  readonly clock: Clock;
  /** The line that opened it. */
  readonly openedAt: string | undefined;
}

/**
 * One scoped stream from its scoping to its status. Every listener, timer and signal leads here, and nothing leads from
 * here to what the user holds: that can be collected, and its stream be found, while the call lives.
 */
export class CallState {
  readonly record: StreamRecord;
  readonly status: Promise<StatusObject>;
  /** Empty when none came before the status. */
  readonly headers: Promise<Metadata>;
  readonly trailers: Promise<Metadata>;
  /** Only where messages come in. */
  readonly reader: MessageReader<unknown> | undefined;
  /** The turn of the event loop in which it was scoped. */
  readonly #scopedIn = currentTurn();
  readonly #isListedByUs: boolean;
  readonly #limits: LifeLimits;
  readonly #writes = new PendingWrites((error) => (this.#failure ?? endingError({ by: 'destroy', error })) as Error);
  /** Undo what the stream has tied itself to. */
  readonly #ties: (() => void)[] = [];
  readonly #onEnded: (() => void)[] = [];
  #resolveStatus!: (status: StatusObject) => void;
  #resolveHeaders!: (headers: Metadata) => void;
  #ended: StatusObject | undefined;
  #ending: Ending | undefined;
  #isDraining = false;
  #hearsData = false;
  /** What readers and writers are told: by the ending, or by a status that is not OK. */
  #failure: unknown;
  /** The error that grpc-js made of the status. It knows the line of the call. */
  #raised: unknown;
  #halfClosed: Promise<void> | undefined;
  #settleHalfClose: ((failure?: unknown) => void) | undefined;
  #timer: Timer | undefined;

  constructor(
    private readonly call: RawCall,
    private readonly options: CallStateOptions,
  ) {
    this.status = new Promise((resolve) => (this.#resolveStatus = resolve));
    this.headers = new Promise((resolve) => (this.#resolveHeaders = resolve));
    this.trailers = this.status.then(({ metadata }) => metadata);
    const listed = recordOf(call);
    this.#isListedByUs = listed === undefined;
    this.record = listed ?? this.#list();
    this.#listen();
    const traffic = {
      idleMs: () => this.record.idleMs,
      unreadMessages: () => (isReadable(call) ? call.readableLength : 0),
    };
    this.#limits = new LifeLimits(options.clock, options, traffic, (limit, limitMs) =>
      this.endQuietly({ by: 'limit', limit, limitMs }),
    );
    this.reader = isReadable(call)
      ? new MessageReader(call, { onTaken: () => this.#received(), onReadToEnd: () => void call.destroy() })
      : undefined;
    if (hasReadEnd(call)) this.#missedStatus();
    else if (call.destroyed) this.endQuietly({ by: 'destroy', error: call.errored });
    for (const signal of options.signals) this.watch(signal);
  }

  /** True when the status is there. */
  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  /** Why nothing can be read or written any more, where something went wrong. */
  get failure(): unknown {
    return this.#failure;
  }

  /** True when the stream was ended from our side. */
  get isEnding(): boolean {
    return this.#ending !== undefined;
  }

  /** Cancels when the signal is aborted, or at once when it has been. */
  watch(signal: AbortSignal): void {
    const abort = (reason: unknown): void => this.endQuietly({ by: 'signal', reason });
    if (this.#ended !== undefined || this.#ending !== undefined) return;
    if (signal.aborted) abort(signal.reason);
    else this.#ties.push(watchAbort(signal, abort));
  }

  /** Calls back once at the status, at once when it is there. */
  whenEnded(callback: () => void): void {
    if (this.#ended === undefined) this.#onEnded.push(callback);
    else callback();
  }

  /** Sends a message. Always settles; nobody needs to await it. */
  write(message: unknown): Promise<void> {
    const refusal = this.#refusal(message);
    if (refusal !== undefined) return rejected(refusal);
    if (this.#isListedByUs) this.record.sent();
    return this.#writes.add((callback) => (this.call as RawWritable).write(message, callback));
  }

  /** Half-closes once all that was written is handed over; settles then, or at the status. */
  halfClose(): Promise<void> {
    this.#halfClosed ??= handled(
      new Promise((resolve) => {
        const settle = (failure?: unknown): void => resolve(failure === undefined ? undefined : rejected(failure));
        const call = this.call as RawWritable;
        if (this.isEnding || this.hasEnded || call.writableFinished) return settle(this.#failure);
        this.#settleHalfClose = settle;
        call.end((error?: Error | null) =>
          settle(error === undefined || error === null ? undefined : endingError({ by: 'destroy', error })),
        );
      }),
    );
    return this.#halfClosed;
  }

  /** Cancels the RPC, unless it has ended or was cancelled. @throws what an interceptor throws at the cancel. */
  end(ending: Ending): void {
    if (this.#ended !== undefined || this.#ending !== undefined) return;
    this.#ending = ending;
    this.#failure = endingError(ending);
    this.#untie();
    this.#writes.failAll(this.#failure);
    this.#settleHalfClose?.(this.#failure);
    this.reader?.stop({ error: this.#failure });
    this.#setTimer(STATUS_GRACE_MS, () => this.#settle(cancelledStatus()));
    // Whoever drains waits for it.
    if (this.#isDraining) this.#timer?.ref();
    this.call.cancel();
  }

  /** Ends what nobody holds any more. */
  readonly abandon = (): void => this.end({ by: 'collector' });

  /** As {@link end}, for where there is nobody to throw at. */
  endQuietly(ending: Ending): void {
    try {
      this.end(ending);
    } catch (error) {
      warn(`Cancelling ${this.record.identity.method} threw: ${String(error)}`);
    }
  }

  /** Cancels or drains, as the options say, and resolves at the status. */
  async close(): Promise<void> {
    if (this.hasEnded) return;
    if (this.options.onDispose === 'drain') this.#drain();
    else this.end({ by: 'owner' });
    // Somebody waits for it.
    this.#timer?.ref();
    await this.status;
  }

  #drain(): void {
    const { drainTimeoutMs, maxDrainMessages } = this.options;
    if (this.#isDraining || this.isEnding) return;
    this.#isDraining = true;
    this.#setTimer(drainTimeoutMs, () => this.endQuietly({ by: 'drain', bound: `${drainTimeoutMs} ms` }));
    if (isWritable(this.call)) void this.halfClose();
    this.reader?.drain({ error: endingError({ by: 'owner' }) }, maxDrainMessages, () =>
      this.endQuietly({ by: 'drain', bound: `${maxDrainMessages} messages` }),
    );
  }

  /** One at a time: that of the drain, then that of the cancel. */
  #setTimer(delayMs: number, callback: () => void): void {
    if (this.#timer !== undefined) this.options.clock.clearTimer(this.#timer);
    this.#timer = delayMs === Infinity ? undefined : this.options.clock.setTimer(callback, delayMs);
  }

  #list(): StreamRecord {
    const { kind, clock, openedAt } = this.options;
    const cancel = (): void => this.end({ by: 'cancel', reason: undefined });
    const record = new StreamRecord({ method: methodPath(this.call), kind }, clock, cancel, openedAt);
    addRecord(this.call, record);
    return record;
  }

  #listen(): void {
    const { call } = this;
    this.#listenTo('status', (status: StatusObject) => this.#settle(status));
    this.#listenTo('metadata', (headers: Metadata) => this.#resolveHeaders(headers));
    this.#listenTo('error', (error: unknown) => void (this.#raised ??= isServiceError(error) ? error : undefined));
    this.#listenTo('close', () => this.#onClose());
    if (this.#isListedByUs && isReadable(call)) this.#hearOthersRead();
    // Stays for good: an error that nobody listens for, as one that a cancel brings about, would end the process.
    call.on('error', ignore);
  }

  #listenTo<Argument>(event: string, listener: (argument: Argument) => unknown): void {
    const call: NodeJS.EventEmitter = this.call;
    call.on(event, listener);
    this.#onEnded.push(() => void call.removeListener(event, listener));
  }

  /**
   * Counts what is taken by whoever reads the call itself: while there are listeners we hear 'data', which tells of
   * what is taken by `read` too. Not longer: with nobody but us to hear it, a stream whose last 'readable' listener
   * goes would flow.
   */
  #hearOthersRead(): void {
    const { call } = this;
    const hear = (): void => this.record.received();
    const stop = (): void => {
      this.#hearsData = false;
      call.removeListener('data', hear);
    };
    const start = (): void => {
      if (this.#hearsData) return;
      this.#hearsData = true;
      // As of any emitter: by a `on` of its own a stream begins to flow.
      EventEmitter.prototype.on.call(call, 'data', hear);
    };
    const isRead = (event: unknown): boolean => event === 'data' || event === 'readable';
    if (call.listenerCount('data') > 0 || call.listenerCount('readable') > 0) start();
    this.#listenTo('newListener', (event: unknown) => isRead(event) && start());
    this.#listenTo('removeListener', (event: unknown) => {
      const isLast = call.listenerCount('readable') === 0 && call.listenerCount('data') === 1;
      if (this.#hearsData && isRead(event) && isLast) stop();
    });
    this.#onEnded.push(stop);
  }

  #received(): void {
    if (this.#isListedByUs && !this.#hearsData) this.record.received();
  }

  #onClose(): void {
    const { call } = this;
    if (hasReadEnd(call)) this.#missedStatus();
    // Node itself destroys an upload that has handed over all it had.
    else if (!isReadable(call) && call.writableFinished) return;
    else this.endQuietly({ by: 'destroy', error: call.errored });
  }

  /** It came before the stream was scoped, or a listener of an 'error' event has thrown at grpc-js. */
  #missedStatus(): void {
    const { code, details, metadata } = isServiceError(this.#raised)
      ? this.#raised
      : ownError(
          Status.UNKNOWN,
          'The status of the call is not known: it had ended before it was scoped, or a listener on it has thrown',
        );
    this.#settle({ code, details, metadata });
  }

  /** Every ending comes here, once. */
  #settle(received: StatusObject): void {
    if (this.#ended !== undefined) return;
    const status =
      this.#ending !== undefined && received.code === Status.CANCELLED
        ? { ...received, details: endingDetails(this.#ending) }
        : received;
    this.#ended = status;
    if (status.code !== Status.OK) {
      this.#failure ??=
        isServiceError(this.#raised) && this.#raised.code === status.code ? this.#raised : callError(status);
    }
    if (this.#timer !== undefined) this.options.clock.clearTimer(this.#timer);
    this.#untie();
    if (this.#isListedByUs) removeRecord(this.record);
    this.#writes.failAll(this.#failure ?? endedWell());
    this.#settleHalfClose?.(this.#failure);
    this.#resolveHeaders(new Metadata());
    this.#resolveStatus(status);
    // Our own listeners go first: the reader looks at whether others are left.
    for (const callback of this.#onEnded.splice(0)) callback();
    this.reader?.end(this.#failure === undefined ? {} : { error: this.#failure });
    if (status.code === Status.CANCELLED && this.#scopedIn === currentTurn()) this.#cancelAgain();
    this.#free();
  }

  /**
   * A grpc-js call that is cancelled in the tick of its start opens its stream in spite of it, and never ends it
   * (resolving-call.ts, after `sendMetadata`). Cancelled once more in the next turn, it does.
   */
  #cancelAgain(): void {
    this.options.clock.soon(() => {
      try {
        this.call.cancel();
      } catch {
        // Whoever cancelled it has heard of that.
      }
    });
  }

  /** Lets go of what is buffered where nobody will ask for it, and of whoever pipes into an upload that has ended. */
  #free(): void {
    const { call } = this;
    if (isReadable(call)) {
      if (this.isEnding || this.#isDraining) call.destroy();
    } else if (!call.writableFinished) {
      call.destroy(this.#failure instanceof Error ? this.#failure : undefined);
    }
  }

  #untie(): void {
    this.#limits.stop();
    for (const untie of this.#ties.splice(0)) untie();
  }

  #refusal(message: unknown): unknown {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#ended !== undefined) return endedWell();
    const call = this.call as RawWritable;
    if (this.#halfClosed !== undefined || call.writableEnded) {
      return ownError(Status.FAILED_PRECONDITION, 'finish() was called: nothing more can be sent');
    }
    if (call.destroyed) return endingError({ by: 'destroy', error: call.errored });
    if (message === null) return new TypeError('write: message must not be null');
    return undefined;
  }
}

function endedWell(): Error {
  return ownError(Status.FAILED_PRECONDITION, 'The server has ended the call with OK: nothing more can be sent');
}

function cancelledStatus(): StatusObject {
  return { code: Status.CANCELLED, details: 'Cancelled on client', metadata: new Metadata() };
}

/** True when grpc-js has ended the reading, which it does at the status; also while there are messages to read. */
function hasReadEnd(call: RawCall): boolean {
  if (!isReadable(call)) return false;
  return call.readableEnded || (call as { _readableState?: { ended?: unknown } })._readableState?.ended === true;
}
