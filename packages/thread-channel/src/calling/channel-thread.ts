import { AsyncResource } from 'node:async_hooks';
import type { Worker } from 'node:worker_threads';
import { messageOf, systemClock, throwLater, warn } from '@grpc-manifold/core/internal';
import { Record, type Batch } from '../wire/batch.js';
import { BatchReader } from '../wire/batch-reader.js';
import type { BatchWriter } from '../wire/batch-writer.js';
import type { Command } from '../wire/command.js';
import type { ThreadEvent } from '../wire/thread-event.js';
import { Outbox, type Port } from '../wire/outbox.js';
import { dispatchRecord } from './dispatch-record.js';
import { threadEndOf, type ThreadEnd } from './thread-end.js';
import { ThreadEntries } from './thread-entries.js';
import type { ThreadedCall } from './threaded-call.js';
import type { ThreadedConnection } from './threaded-connection.js';

/** The async context of a thread's messages. Without it they would run in the context of the call that started it. */
const threadContext = new AsyncResource('GRPCMANIFOLD_THREAD');

/** One worker thread, from its start to its end, with its connections and calls. */
export class ChannelThread {
  readonly #worker: Worker | undefined;
  readonly #outbox: Outbox<Command>;
  readonly #entries = new ThreadEntries();
  readonly #exited: Promise<void>;
  #end: ThreadEnd | undefined;
  #retainCount = 0;
  #hasStarted = false;
  #isStopping = false;
  #error: unknown;

  /**
   * Starts the thread. When `start` throws, the thread has ended already.
   *
   * @param onChange called when a connection was added or removed, when the last call has ended, and when the thread
   * has ended.
   */
  constructor(
    start: () => Worker,
    private readonly onChange: (thread: ChannelThread) => void,
  ) {
    let worker: Worker | undefined;
    try {
      worker = threadContext.runInAsyncScope(start);
    } catch (error) {
      this.#error = error;
    }
    this.#worker = worker;
    const port: Port = { postMessage: (value, list) => worker?.postMessage(value, list) };
    this.#outbox = new Outbox<Command>(port, systemClock, (error) => this.giveUp(notSent(error)));
    if (worker === undefined) {
      this.#exited = Promise.resolve();
      this.#outbox.close();
      this.#end = this.#endWith(0);
      return;
    }
    worker.on('message', (message: Batch | ThreadEvent) => this.#receive(message));
    // Adding a message listener refs the worker, so unref comes after it.
    worker.unref();
    worker.on('error', (error: unknown) => {
      this.#error = error;
    });
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#onExit(code);
        resolve();
      });
    });
  }

  /** How the thread has ended; undefined while it runs. */
  get end(): ThreadEnd | undefined {
    return this.#end;
  }

  get connectionCount(): number {
    return this.#entries.connectionCount;
  }

  /** True when the thread has neither connections nor calls. */
  get isIdle(): boolean {
    return this.#entries.isEmpty;
  }

  /** True once the thread has sent a message. A program other than the package's own never sends one. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** Adds a connection and assigns its number. */
  addConnection(connection: ThreadedConnection): void {
    this.#entries.addConnection(connection);
    this.onChange(this);
  }

  removeConnection(connection: ThreadedConnection): void {
    if (this.#entries.removeConnection(connection)) this.onChange(this);
  }

  /** Adds a call and assigns its number. The thread keeps the process alive while it has calls. */
  addCall(call: ThreadedCall): void {
    this.#entries.addCall(call);
    this.retain();
  }

  /** @returns false when the call is not in the thread. */
  removeCall(call: ThreadedCall): boolean {
    if (!this.#entries.removeCall(call)) return false;
    this.release();
    if (this.isIdle) this.onChange(this);
    return true;
  }

  /** Keeps the process alive until the caller calls {@link release}. Calls are counted. */
  retain(): void {
    this.#retainCount += 1;
    if (this.#retainCount === 1) this.#worker?.ref();
  }

  /** Ends one {@link retain}. */
  release(): void {
    this.#retainCount -= 1;
    if (this.#retainCount === 0) this.#worker?.unref();
  }

  /** Opens a record, which is sent at the end of this turn of the event loop at the latest. */
  open(): BatchWriter {
    return this.#outbox.open();
  }

  /** Discards the record that was opened last. */
  undo(): void {
    this.#outbox.undo();
  }

  /** Sends a command after the records that were written before it. */
  post(command: Command): void {
    this.#outbox.post(command);
  }

  /** Ends the thread and its calls. Resolves when the worker has exited. */
  async stop(): Promise<void> {
    if (this.#end === undefined) {
      this.#isStopping = true;
      this.retain();
      await this.#worker?.terminate();
    }
    await this.#exited;
  }

  /** Ends the thread as if this error had been thrown in it. */
  giveUp(error: Error): void {
    this.#error = error;
    void this.#worker?.terminate();
  }

  #receive(message: Batch | ThreadEvent): void {
    if (Array.isArray(message)) {
      this.#receiveBatch(new BatchReader(message));
      this.#outbox.reuse(message);
    } else if (message.kind === 'started') {
      this.#hasStarted = true;
    } else {
      try {
        this.#entries.connection(message.channel)?.onEvent(message);
      } catch (error) {
        throwLater(error);
      }
    }
  }

  #receiveBatch(from: BatchReader): void {
    for (let record = from.u8(); record !== Record.End; record = from.u8()) {
      const id = from.u32();
      try {
        if (!dispatchRecord(record, id, from, this.#entries)) return this.giveUp(unknownRecord(record));
      } catch (error) {
        // An error of the user's listener must not keep the other records of the batch from their calls.
        throwLater(error);
      }
    }
  }

  #onExit(exitCode: number): void {
    this.#outbox.close();
    const end = this.#endWith(exitCode);
    this.#end = end;
    if (!this.#isStopping) warn(`thread-channel: ${end.reason}${stackOf(this.#error)}`);
    const entries = this.#entries.takeAll();
    // The owner hears of the end first: an entry may open another connection at once, and must not get this thread.
    this.onChange(this);
    for (const entry of entries) {
      try {
        entry.onThreadEnd(end.reason);
      } catch (error) {
        throwLater(error);
      }
    }
  }

  #endWith(exitCode: number): ThreadEnd {
    return threadEndOf({
      isStopping: this.#isStopping,
      hasStarted: this.#hasStarted,
      error: this.#error,
      exitCode,
    });
  }
}

function unknownRecord(record: number): Error {
  return new Error(`unknown record ${record}: both threads must run the same version of @grpc-manifold/thread-channel`);
}

function notSent(error: unknown): Error {
  return new Error(`a batch could not be sent to the thread: ${messageOf(error)}`);
}

function stackOf(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? `\n${error.stack}` : '';
}
