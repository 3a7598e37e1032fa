import type { PricesClient } from './prices.js';

const TICK_MS = 5;
/** After a pause of its own it makes up for so much and no more: one that was late does not become a flood. */
const CATCH_UP_MS = 100;
const DEADLINE_MS = 2_000;

/** Calls at a steady rate, whatever becomes of them. */
export class Load implements Disposable {
  answeredCalls = 0;
  failedCalls = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(client: PricesClient, callsPerSecond: number) {
    let owed = 0;
    let lastMs = performance.now();
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      owed += (Math.min(nowMs - lastMs, CATCH_UP_MS) / 1_000) * callsPerSecond;
      lastMs = nowMs;
      for (; owed >= 1; owed -= 1) this.#call(client);
    }, TICK_MS);
  }

  #call(client: PricesClient): void {
    client.quote({ name: 'lamp' }, { deadline: Date.now() + DEADLINE_MS }, (error) => {
      if (error === null) this.answeredCalls += 1;
      else this.failedCalls += 1;
    });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
