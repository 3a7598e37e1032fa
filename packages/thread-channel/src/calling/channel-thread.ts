import { AsyncResource } from 'node:async_hooks';
import type { Worker } from 'node:worker_threads';
import type { connectivityState, Metadata, StatusObject } from '@grpc/grpc-js';
import { messageOf, systemClock, throwLater, warn } from '@grpc-manifold/core/internal';
import { Record, type Batch } from '../wire/batch.js';
import { BatchReader } from '../wire/batch-reader.js';
import type { BatchWriter } from '../wire/batch-writer.js';
import { CallTable } from '../wire/call-table.js';
import { readMetadata } from '../wire/metadata-record.js';
import type { Command } from '../wire/command.js';
import type { ThreadEvent } from '../wire/thread-event.js';
import { Outbox, type Port } from '../wire/outbox.js';
import { readSnapshot, type ConnectionSnapshot } from '../wire/connection-snapshot.js';
import { readStatus } from '../wire/status-record.js';

const LAST_NUMBER = 0xffff_ffff;

const MISSING_FILE =
  '. A bundler has to make a file of @grpc-manifold/thread-channel/worker, and threadChannelFactory({ workerUrl }) to name it: ' +
  'docs/guides/threads.md#bundlers';

/** What is told by a thread comes in nobody's context: not in that of the call that happened to start it. */
const nobody = new AsyncResource('GRPCMANIFOLD_THREAD');

/** A connection in a thread, as the thread tells of it. */
export interface ThreadedConnection {
  /** Its number; given when it is taken in. */
  number: number;
  told(event: Exclude<ThreadEvent, { kind: 'started' }>): void;
  stateIs(state: connectivityState): void;
  sees(changes: Partial<ConnectionSnapshot>): void;
  /** Its thread is gone. */
  lost(reason: string): void;
}

/** A call in a thread, as the thread tells of it. */
export interface ThreadedCall {
  /** Its number; given when it is entered. */
  id: number;
  headers(metadata: Metadata): void;
  received(message: Buffer): void;
  written(messages: number): void;
  ended(ending: StatusObject, neverActedOn: boolean): void;
  askCredentials(question: number, url: string, method: string): Promise<void>;
  /** Its thread is gone. */
  lost(reason: string): void;
}

/** How a thread has ended. */
export interface ThreadEnd {
  readonly reason: string;
  /** It never came to take anything in. */
  readonly neverStarted: boolean;
}

/** One worker thread, from its start to its end, with the connections and calls that are in it. */
export class ChannelThread {
  readonly #worker: Worker | undefined;
  readonly #outbox: Outbox<Command>;
  readonly #connections = new Map<number, ThreadedConnection>();
  readonly #calls = new CallTable<ThreadedCall>();
  readonly #exited: Promise<void>;
  #end: ThreadEnd | undefined;
  #nextNumber = 1;
  #holds = 0;
  #hasStarted = false;
  #isStopping = false;
  #error: unknown;

  /**
   * Starts it; one that cannot be started has ended.
   *
   * @param onChange is told when it has one connection more or less, no call any more, and when it has ended.
   */
  constructor(
    start: () => Worker,
    private readonly onChange: (thread: ChannelThread) => void,
  ) {
    let worker: Worker | undefined;
    try {
      worker = nobody.runInAsyncScope(start);
    } catch (error) {
      this.#error = error;
    }
    this.#worker = worker;
    const port: Port = { postMessage: (value, list) => worker?.postMessage(value, list) };
    this.#outbox = new Outbox<Command>(port, systemClock, (error) => this.giveUp(notSent(error)));
    if (worker === undefined) {
      this.#exited = Promise.resolve();
      this.#outbox.close();
      this.#end = { reason: this.#reasonFor(0), neverStarted: true };
      return;
    }
    worker.on('message', (message: Batch | ThreadEvent) => this.#take(message));
    // Behind the listener, which refs it.
    worker.unref();
    worker.on('error', (error: unknown) => {
      this.#error = error;
    });
    this.#exited = new Promise((resolve) => {
      worker.on('exit', (code) => {
        this.#ended(code);
        resolve();
      });
    });
  }

  /** How it has ended; undefined while it runs. */
  get end(): ThreadEnd | undefined {
    return this.#end;
  }

  /** How many connections are in it. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** True when nobody needs it. */
  get isIdle(): boolean {
    return this.#connections.size === 0 && this.#calls.size === 0;
  }

  /** False until it has said something: a program that is not ours never does. */
  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** Takes a connection in, and gives it its number. */
  add(connection: ThreadedConnection): void {
    connection.number = this.#nextFree();
    this.#connections.set(connection.number, connection);
    this.onChange(this);
  }

  remove(connection: ThreadedConnection): void {
    if (this.#connections.delete(connection.number)) this.onChange(this);
  }

  /** Gives a number that nobody in this thread has. */
  #nextFree(): number {
    // A record has 32 bits for it: at 10,000 calls a second it begins again after five days, and a stream may be older.
    let number: number;
    do {
      number = this.#nextNumber;
      this.#nextNumber = number === LAST_NUMBER ? 1 : number + 1;
    } while (this.#calls.get(number) !== undefined || this.#connections.has(number));
    return number;
  }

  /**
   * Takes a call in, and gives it its number. While it has calls the thread holds the process, as a connection would.
   */
  enter(call: ThreadedCall): void {
    call.id = this.#nextFree();
    this.#calls.add(call);
    this.hold();
  }

  /** @returns false when it is not in. */
  leave(call: ThreadedCall): boolean {
    if (!this.#calls.delete(call)) return false;
    this.release();
    if (this.isIdle) this.onChange(this);
    return true;
  }

  /** Somebody waits for it. */
  hold(): void {
    this.#holds += 1;
    if (this.#holds === 1) this.#worker?.ref();
  }

  release(): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.#worker?.unref();
  }

  /** For records that go out at the end of this turn of the event loop. */
  open(): BatchWriter {
    return this.#outbox.open();
  }

  /** Takes back the record that was opened last. */
  undo(): void {
    this.#outbox.undo();
  }

  /** Sends a command, behind the records that were written before it. */
  post(command: Command): void {
    this.#outbox.post(command);
  }

  /** Ends it, and the calls in it; resolves when it is gone. */
  async stop(): Promise<void> {
    if (this.#end === undefined) {
      this.#isStopping = true;
      this.hold();
      await this.#worker?.terminate();
    }
    await this.#exited;
  }

  #take(message: Batch | ThreadEvent): void {
    if (Array.isArray(message)) {
      this.#read(new BatchReader(message));
      this.#outbox.reuse(message);
    } else if (message.kind === 'started') {
      this.#hasStarted = true;
    } else {
      try {
        this.#connections.get(message.channel)?.told(message);
      } catch (error) {
        throwLater(error);
      }
    }
  }

  #read(from: BatchReader): void {
    for (let record = from.u8(); record !== Record.End; record = from.u8()) {
      const id = from.u32();
      try {
        if (!this.#tell(record, id, from)) return this.giveUp(unknownRecord(record));
      } catch (error) {
        // What a listener throws is its owner's to catch. The other records of the batch must still be told.
        throwLater(error);
      }
    }
  }

  /** Reads a record whole, then tells whom it is for. False for one that is not known. */
  #tell(record: number, id: number, from: BatchReader): boolean {
    switch (record) {
      case Record.Headers: {
        const metadata = readMetadata(from);
        this.#calls.get(id)?.headers(metadata);
        return true;
      }
      case Record.Received: {
        const message = from.payload();
        this.#calls.get(id)?.received(message);
        return true;
      }
      case Record.Status: {
        const neverActedOn = from.u8() === 1;
        const ending = readStatus(from);
        this.#calls.get(id)?.ended(ending, neverActedOn);
        return true;
      }
      case Record.Written: {
        const messages = from.u32();
        this.#calls.get(id)?.written(messages);
        return true;
      }
      case Record.AskCredentials: {
        const [question, url, method] = [from.u32(), from.text(), from.text()];
        void this.#calls.get(id)?.askCredentials(question, url, method);
        return true;
      }
      case Record.Sight: {
        const changes = readSnapshot(from);
        this.#connections.get(id)?.sees(changes);
        return true;
      }
      case Record.State: {
        const state = from.u8() as connectivityState;
        this.#connections.get(id)?.stateIs(state);
        return true;
      }
      default:
        return false;
    }
  }

  /** Ends it as if it had ended by an error. */
  giveUp(error: Error): void {
    this.#error = error;
    void this.#worker?.terminate();
  }

  #ended(code: number): void {
    this.#outbox.close();
    const reason = this.#reasonFor(code);
    this.#end = { reason, neverStarted: !this.#hasStarted };
    if (!this.#isStopping) warn(`thread-channel: ${reason}${stackOf(this.#error)}`);
    const [connections, calls] = [[...this.#connections.values()], this.#calls.toArray()];
    this.#connections.clear();
    this.#calls.clear();
    // Whoever is told may want another connection at once: not in this thread.
    this.onChange(this);
    // Connections first: a call that was lost is told why.
    for (const each of [...connections, ...calls]) {
      try {
        each.lost(reason);
      } catch (error) {
        throwLater(error);
      }
    }
  }

  #reasonFor(code: number): string {
    if (this.#isStopping) return 'The thread of the connection was stopped';
    if (this.#error !== undefined) {
      const advice = !this.#hasStarted && isMissingFile(this.#error) ? MISSING_FILE : '';
      return `The thread of the connection ended by an error: ${messageOf(this.#error)}${advice}`;
    }
    return `The thread of the connection ended by itself, with exit code ${code}`;
  }
}

/** Node looks for the file only when the thread has begun to run. */
function isMissingFile(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND';
}

function unknownRecord(record: number): Error {
  return new Error(`it told a record ${record}, which is not known here: both threads must be of one version`);
}

function stackOf(error: unknown): string {
  return error instanceof Error && error.stack !== undefined ? `\n${error.stack}` : '';
}

function notSent(error: unknown): Error {
  return new Error(`what was written for it could not be sent: ${messageOf(error)}`);
}
