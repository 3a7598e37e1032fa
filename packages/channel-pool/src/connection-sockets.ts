import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const NEW_SOCKET_CHANNEL = 'net.client.socket';
const attempt = new AsyncLocalStorage<ConnectionSockets>();
let watchers = 0;

function onNewSocket(message: unknown): void {
  attempt.getStore()?.add((message as { socket: Socket }).socket);
}

/**
 * The TCP sockets of one connection of the pool. `channel.close()` leaves the socket of a silent peer open and a
 * connection attempt holds the process, so the pool must know the sockets themselves: Node publishes each new one on
 * `diagnostics_channel`, and the async context in which the attempt was begun tells whose it is.
 */
export class ConnectionSockets {
  readonly #open = new Set<Socket>();
  #retiredBytesRead = 0;
  #watching = true;
  #onAllClosed: (() => void) | undefined;

  constructor() {
    watchers += 1;
    if (watchers === 1) subscribe(NEW_SOCKET_CHANNEL, onNewSocket);
  }

  /**
   * Begins a connection attempt; sockets made in its course are learned. Nothing of the user's may run inside: a socket
   * that the user opened would be taken for ours.
   */
  attempt(begin: () => void): void {
    attempt.run(this, begin);
  }

  /** Takes a socket in. Ours must not hold the process while it connects: what waits for it does (docs/decisions/0003). */
  readonly add = (socket: Socket): void => {
    if (!this.#watching || socket.destroyed || this.#open.has(socket)) return;
    this.#open.add(socket);
    // The handle appears only in `connect()`, just after the socket was published. grpc-js refs it again for each call.
    queueMicrotask(() => {
      if (socket.connecting) socket.unref();
    });
    socket.once('close', () => {
      this.#open.delete(socket);
      this.#retiredBytesRead += socket.bytesRead;
      if (this.#open.size === 0) this.#onAllClosed?.();
    });
  };

  /** How many are open. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Bytes that came in by all of them so far, or undefined when none was ever seen. */
  get bytesRead(): number {
    let bytes = this.#retiredBytesRead;
    for (const socket of this.#open) bytes += socket.bytesRead;
    return bytes;
  }

  /** Resolves when none is open; at once when none is. */
  allClosed(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onAllClosed = resolve;
    });
  }

  /** Destroys what is still open and says how many that were. grpc-js must have been told to close before. */
  destroy(reason: string): number {
    const count = this.#open.size;
    for (const socket of this.#open) {
      // Without an error grpc-js waits for ever in a TLS handshake; with this code it reports UNAVAILABLE, not INTERNAL.
      socket.destroy(Object.assign(new Error(reason), { code: 'ECONNRESET' }));
    }
    return count;
  }

  /** Stops learning sockets. */
  close(): void {
    if (!this.#watching) return;
    this.#watching = false;
    watchers -= 1;
    if (watchers === 0) unsubscribe(NEW_SOCKET_CHANNEL, onNewSocket);
  }
}
