import { CallTable } from '../wire/call-table.js';
import type { ThreadedCall } from './threaded-call.js';
import type { ThreadedConnection } from './threaded-connection.js';

/** Records carry numbers in 32 bits. */
const LAST_NUMBER = 0xffff_ffff;

/** The connections and calls of one worker thread, by their numbers. */
export class ThreadEntries {
  readonly #connections = new Map<number, ThreadedConnection>();
  readonly #calls = new CallTable<ThreadedCall>();
  #nextNumber = 1;

  get connectionCount(): number {
    return this.#connections.size;
  }

  get isEmpty(): boolean {
    return this.#connections.size === 0 && this.#calls.size === 0;
  }

  connection(number: number): ThreadedConnection | undefined {
    return this.#connections.get(number);
  }

  call(id: number): ThreadedCall | undefined {
    return this.#calls.get(id);
  }

  /** Assigns the connection its number. */
  addConnection(connection: ThreadedConnection): void {
    connection.number = this.#unusedNumber();
    this.#connections.set(connection.number, connection);
  }

  /** @returns false when the connection is not in the thread. */
  removeConnection(connection: ThreadedConnection): boolean {
    return this.#connections.delete(connection.number);
  }

  /** Assigns the call its number. */
  addCall(call: ThreadedCall): void {
    call.id = this.#unusedNumber();
    this.#calls.add(call);
  }

  /** @returns false when the call is not in the thread. */
  removeCall(call: ThreadedCall): boolean {
    return this.#calls.delete(call);
  }

  /** Removes all entries. Connections come first, so that a call can read its connection's error. */
  takeAll(): readonly (ThreadedConnection | ThreadedCall)[] {
    const all = [...this.#connections.values(), ...this.#calls.toArray()];
    this.#connections.clear();
    this.#calls.clear();
    return all;
  }

  #unusedNumber(): number {
    // At 10,000 calls a second the numbers wrap around after five days, and a stream may be older than that.
    let number: number;
    do {
      number = this.#nextNumber;
      this.#nextNumber = number === LAST_NUMBER ? 1 : number + 1;
    } while (this.#calls.get(number) !== undefined || this.#connections.has(number));
    return number;
  }
}
