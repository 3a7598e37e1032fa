import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { Stage } from './stage.js';

/** The TCP sockets that the clients of a case open in this thread. What is open when the case is over is destroyed. */
export class ClientSockets {
  readonly #sockets = new Set<Socket>();

  constructor(stage: Stage) {
    const learn = (message: unknown): void => void this.#sockets.add((message as { socket: Socket }).socket);
    subscribe('net.client.socket', learn);
    stage.after(() => {
      unsubscribe('net.client.socket', learn);
      this.#destroy();
    });
  }

  /** Ends those that are open as the system does when a connection is lost. @param code as `EPIPE`. */
  lose(code: string): void {
    this.#destroy(Object.assign(new Error(`write ${code}`), { code, syscall: 'write' }));
  }

  #destroy(error?: Error): void {
    for (const socket of this.#sockets) socket.destroy(error);
    this.#sockets.clear();
  }
}
