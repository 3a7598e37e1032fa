import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const NEW_SOCKET_CHANNEL = 'net.client.socket';

/** Counts the TCP sockets that this thread opens as a client, and can break them. */
export class ClientSockets implements Disposable {
  readonly #sockets = new Set<Socket>();
  /** How many were ever opened. */
  opened = 0;

  constructor() {
    subscribe(NEW_SOCKET_CHANNEL, this.#onSocket);
  }

  /** How many were opened and are not closed. */
  get open(): number {
    return this.#sockets.size;
  }

  /** Ends all that are open as the system does when a connection is lost. @param code as `EPIPE`. */
  lose(code: string): void {
    for (const socket of this.#sockets) {
      socket.destroy(Object.assign(new Error(`write ${code}`), { code, syscall: 'write' }));
    }
  }

  [Symbol.dispose](): void {
    unsubscribe(NEW_SOCKET_CHANNEL, this.#onSocket);
  }

  readonly #onSocket = (message: unknown): void => {
    const { socket } = message as { socket: Socket };
    this.opened += 1;
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
  };
}
