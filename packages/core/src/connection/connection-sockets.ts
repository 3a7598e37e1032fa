import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { watchSocketClose } from './socket-close-watch.js';

const NEW_SOCKET_CHANNEL = 'net.client.socket';
const attempt = new AsyncLocalStorage<ConnectionSockets>();
/**
 * Connection attempts under way. While there are none nothing is watched: on Node 20 and 22 a storage in use makes
 * every promise of the process dearer.
 */
let attempts = 0;

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
  #attempting = false;
  #closed = false;
  #onAllClosed: (() => void) | undefined;

  /**
   * Begins a connection attempt; sockets made in its course are learned. Nothing of the user's may run inside: a socket
   * that the user opened would be taken for ours.
   */
  attempt(begin: () => void): void {
    this.#attempting = true;
    attempts += 1;
    if (attempts === 1) subscribe(NEW_SOCKET_CHANNEL, onNewSocket);
    attempt.run(this, begin);
  }

  /** The attempt has come to its end. */
  attemptEnded(): void {
    if (!this.#attempting) return;
    this.#attempting = false;
    attempts -= 1;
    if (attempts > 0) return;
    unsubscribe(NEW_SOCKET_CHANNEL, onNewSocket);
    attempt.disable();
  }

  /**
   * Takes a socket in. Ours must not hold the process while it connects: what waits for it does (docs/decisions/0003).
   */
  readonly add = (socket: Socket): void => {
    if (socket.destroyed || this.#open.has(socket)) return;
    this.#open.add(socket);
    watchSocketClose(socket, () => {
      this.#open.delete(socket);
      this.#retiredBytesRead += socket.bytesRead;
      if (this.#open.size === 0) this.#onAllClosed?.();
    });
    // For the time between TCP and the session; from then on grpc-js refs it while calls run.
    if (socket.connecting || socket.pending) socket.once('connect', () => socket.unref());
    // grpc-js was about to connect when it was told to close. Not before `connect()` has begun, which would bring a
    // destroyed socket back.
    if (this.#closed) queueMicrotask(() => this.destroy('the connection was closed before it was made'));
  };

  /** How many are open. */
  get openCount(): number {
    return this.#open.size;
  }

  /** True while one of them waits for the other end to answer its SYN. */
  get connecting(): boolean {
    for (const socket of this.#open) if (socket.connecting) return true;
    return false;
  }

  /** Bytes that came in by all of them so far. */
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
    this.destroyOthers(undefined, reason);
    return count;
  }

  /** Destroys what is open but for one. */
  destroyOthers(kept: Socket | undefined, reason: string): void {
    for (const socket of this.#open) {
      // Without an error grpc-js waits for ever in a TLS handshake; with this code it reports UNAVAILABLE, not
      // INTERNAL.
      if (socket !== kept) socket.destroy(Object.assign(new Error(reason), { code: 'ECONNRESET' }));
    }
  }

  /** Learns no more sockets. */
  close(): void {
    this.#closed = true;
    this.attemptEnded();
  }
}
