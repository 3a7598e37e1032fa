import type { Socket } from 'node:net';
import type { Clock } from '../clock.js';

/** Milliseconds that a server has to shake hands before another address of the target gets its turn. */
const TURN_MS = 1_000;

/**
 * Lets one socket of a member shake hands at a time. Where a target has several addresses grpc-js tries the next one when one
 * is slow (RFC 8305, as gRFC A61 has it), and when both come to an end it keeps both: one connection that carries
 * calls, and one that nobody knows of (1.14.7: seen with two addresses that answer in the same tick).
 */
export class HandshakeTurns {
  #current: Socket | undefined;
  #isOver = false;
  readonly #waiting = new Set<() => void>();

  constructor(private readonly clock: Clock) {}

  /**
   * Waits for the turn of a socket that is connected: until the one before it is closed, or has had its time. False when it is
   * of no more use.
   */
  async take(socket: Socket): Promise<boolean> {
    while (!this.#isOver && !socket.destroyed) {
      const { clock } = this;
      const current = this.#current;
      if (current === undefined || current.destroyed) {
        this.#current = socket;
        return true;
      }
      await new Promise<void>((resolve) => {
        const timer = clock.setTimer(() => {
          // With an error, or grpc-js waits on in a TLS handshake.
          current.destroy(Object.assign(new Error('another address took its turn'), { code: 'ECONNRESET' }));
        }, TURN_MS);
        // Nobody else listens to it now: its error would be the process's.
        const onError = (): undefined => undefined;
        const go = (): void => {
          clock.clearTimer(timer);
          for (const each of [current, socket]) each.off('close', go);
          socket.off('error', onError);
          this.#waiting.delete(go);
          resolve();
        };
        this.#waiting.add(go);
        socket.on('error', onError);
        for (const each of [current, socket]) each.once('close', go);
      });
    }
    return false;
  }

  /** One of them has come to its end: no other is wanted. */
  end(): void {
    this.#isOver = true;
    for (const go of this.#waiting) go();
  }
}
