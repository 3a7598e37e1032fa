import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits for real time in which something must *not* happen, or in which a load runs. A test must not expect that
 * something has happened by then: a busy machine is slow. Wait for expected events with the event itself, `waitFor` or
 * `until`.
 *
 * @param ms milliseconds; the wait may take longer.
 * @param _meanwhile the purpose of the wait, for readers of the test: 'an idle connection would be closed by now'.
 */
export async function timePasses(ms: number, _meanwhile: string): Promise<void> {
  await delay(ms);
}

/** A real timer; disposing it clears it. */
export class RealTimer implements Disposable {
  readonly #timer: NodeJS.Timeout;

  constructor(timer: NodeJS.Timeout) {
    this.#timer = timer;
  }

  /** Lets the process exit while the timer is pending. */
  unref(): this {
    this.#timer.unref();
    return this;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/**
 * Calls `act` once after a delay, to simulate a late answer or a slow network.
 *
 * @param ms milliseconds; the delay may be longer.
 * @param _what what is delayed, for readers of the test.
 */
export function later(ms: number, _what: string, act: () => void): RealTimer {
  return new RealTimer(setTimeout(act, ms));
}

/**
 * Calls `act` repeatedly until the returned timer is disposed, to make load or to simulate a network that checks for
 * idle connections.
 *
 * @param ms milliseconds between two calls; the interval may be longer.
 * @param _what what is repeated, for readers of the test.
 */
export function repeatedly(ms: number, _what: string, act: () => void): RealTimer {
  return new RealTimer(setInterval(act, ms));
}
