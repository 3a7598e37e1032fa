import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { watchSocketClose } from './socket-close-watch.js';

const NEW_SOCKET_CHANNEL = 'net.client.socket';
const attempt = new AsyncLocalStorage<ConnectionSockets>();
/**
 * The number of connection attempts in progress. The storage is disabled while the number is 0: on Node 20 and 22 an
 * enabled AsyncLocalStorage makes every promise of the process slower.
 */
let attempts = 0;

function onNewSocket(message: unknown): void {
  attempt.getStore()?.add((message as { socket: Socket }).socket);
}

/**
 * The TCP sockets of one connection of the pool. The pool must know them, because `channel.close()` leaves the socket
 * of a silent peer open and because a connecting socket keeps the process alive. Node publishes each new socket on
 * `diagnostics_channel`; the async context of the connection attempt tells which connection the socket belongs to.
 */
export class ConnectionSockets {
  readonly #open = new Set<Socket>();
  #retiredBytesRead = 0;
  #attempting = false;
  #closed = false;
  #onAllClosed: (() => void) | undefined;

  /**
   * Begins a connection attempt and adds the sockets that are created during it. No code of the user may run inside
   * `begin`: a socket that such code opens would be counted as a socket of this connection.
   */
  attempt(begin: () => void): void {
    this.#attempting = true;
    attempts += 1;
    if (attempts === 1) subscribe(NEW_SOCKET_CHANNEL, onNewSocket);
    attempt.run(this, begin);
  }

  /** Ends the connection attempt: new sockets are no longer added. Does nothing when no attempt is in progress. */
  attemptEnded(): void {
    if (!this.#attempting) return;
    this.#attempting = false;
    attempts -= 1;
    if (attempts > 0) return;
    unsubscribe(NEW_SOCKET_CHANNEL, onNewSocket);
    attempt.disable();
  }

  /**
   * Adds a socket. The socket does not keep the process alive while it connects; the calls that wait for it do
   * (docs/decisions/0003).
   */
  readonly add = (socket: Socket): void => {
    if (socket.destroyed || this.#open.has(socket)) return;
    this.#open.add(socket);
    watchSocketClose(socket, () => {
      this.#open.delete(socket);
      this.#retiredBytesRead += socket.bytesRead;
      if (this.#open.size === 0) this.#onAllClosed?.();
    });
    // For the time between the TCP connection and the HTTP/2 session. Then grpc-js refs the socket while calls run.
    if (socket.connecting || socket.pending) socket.once('connect', () => socket.unref());
    // grpc-js can create a socket after its channel was closed. The socket is destroyed in a microtask, after
    // `connect()` has begun: `connect()` would revive a socket that is destroyed before.
    if (this.#closed) queueMicrotask(() => this.destroy('the connection was closed before it was made'));
  };

  /** The number of open sockets. */
  get openCount(): number {
    return this.#open.size;
  }

  /** True while a socket waits for the peer to answer its SYN. */
  get connecting(): boolean {
    for (const socket of this.#open) if (socket.connecting) return true;
    return false;
  }

  /** The number of bytes received on all sockets of the connection, including closed ones. */
  get bytesRead(): number {
    let bytes = this.#retiredBytesRead;
    for (const socket of this.#open) bytes += socket.bytesRead;
    return bytes;
  }

  /** Resolves when no socket is open. */
  allClosed(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onAllClosed = resolve;
    });
  }

  /**
   * Destroys all open sockets. The channel must have been closed before.
   *
   * @returns the number of sockets that were destroyed.
   */
  destroy(reason: string): number {
    const count = this.#open.size;
    this.destroyOthers(undefined, reason);
    return count;
  }

  /** Destroys all open sockets except `kept`. */
  destroyOthers(kept: Socket | undefined, reason: string): void {
    for (const socket of this.#open) {
      // Without an error, grpc-js waits forever in a TLS handshake. With this code it reports UNAVAILABLE; with
      // another one it reports INTERNAL.
      if (socket !== kept) socket.destroy(Object.assign(new Error(reason), { code: 'ECONNRESET' }));
    }
  }

  /** Ends the attempt. A socket that is added later is destroyed. */
  close(): void {
    this.#closed = true;
    this.attemptEnded();
  }
}
