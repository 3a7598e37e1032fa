import { setTimeout as delay } from 'node:timers/promises';

/**
 * Lets real time pass in which something must *not* happen, or in which a load runs. Nothing may depend on what else is
 * done by then: a busy machine does less. What is to happen is waited for by its event, by `waitFor` or by `until`.
 *
 * @param ms milliseconds; the system may take more.
 * @param _meanwhile what the time is for, for whoever reads the test: 'an idle connection would be closed by now'.
 */
export async function timePasses(ms: number, _meanwhile: string): Promise<void> {
  await delay(ms);
}

/** A timer of real time, until it is disposed. */
export class RealTimer implements Disposable {
  readonly #timer: NodeJS.Timeout;

  constructor(timer: NodeJS.Timeout) {
    this.#timer = timer;
  }

  /** Lets the process end although the timer is pending. */
  unref(): this {
    this.#timer.unref();
    return this;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/**
 * Does something once after a time: as a server answers late, or a network carries late.
 *
 * @param ms milliseconds; the system may take more.
 * @param _what what comes late, for whoever reads the test.
 */
export function later(ms: number, _what: string, act: () => void): RealTimer {
  return new RealTimer(setTimeout(act, ms));
}

/**
 * Does something again and again until it is disposed: as a load makes calls, or a network looks for what is idle.
 *
 * @param ms milliseconds between two times; the system may take more.
 * @param _what what is done, for whoever reads the test.
 */
export function repeatedly(ms: number, _what: string, act: () => void): RealTimer {
  return new RealTimer(setInterval(act, ms));
}
