import { explain } from 'grpc-manifold';
import type { KitchenClient } from './kitchen.js';

/** How the calls of one second ended. */
export interface Second {
  readonly inTime: number;
  /** Refused by the client itself, before they were sent. */
  readonly refused: number;
  /** Deadline passed, or worse. */
  readonly failed: number;
}

/** A rush on a server. */
export interface Rush {
  readonly callsPerSecond: number;
  readonly deadlineMs: number;
  readonly seconds: number;
}

const TICK_MS = 10;

/** Makes calls at a steady rate, whatever becomes of them, and tells of each second when it is over. */
export async function rush(client: KitchenClient, rush: Rush, onSecond: (second: Second) => void): Promise<void> {
  let count = { inTime: 0, refused: 0, failed: 0 };
  const call = (): void => {
    client.cook({ name: 'soup' }, { deadline: Date.now() + rush.deadlineMs }, (error) => {
      if (error === null) count.inTime += 1;
      else if (explain(error)?.refusedBy !== undefined) count.refused += 1;
      else count.failed += 1;
    });
  };
  const startMs = performance.now();
  let made = 0;
  const making = setInterval(() => {
    const due = ((performance.now() - startMs) / 1_000) * rush.callsPerSecond;
    for (; made < due; made += 1) call();
  }, TICK_MS);
  for (let second = 1; second <= rush.seconds; second++) {
    await new Promise((resolve) => setTimeout(resolve, startMs + second * 1_000 - performance.now()));
    onSecond(count);
    count = { inTime: 0, refused: 0, failed: 0 };
  }
  clearInterval(making);
}
