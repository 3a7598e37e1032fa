import { Metadata } from '@grpc/grpc-js';
import type { EchoClient } from '@grpc-manifold/testing';
import type { Draw } from '../draw.js';
import { drawCall } from './call-plan.js';
import type { Ledger } from './ledger.js';
import { makeCall } from './make-call.js';
import { CALL_ID, type Placements } from './placements.js';

const TICK_MS = 20;
const MAX_TICK_MS = 100;
/** More would only wait; the queue has tests of its own. */
const MAX_OPEN_CALLS = 250;

/** Makes calls of every kind, so many a second. */
export class Load {
  readonly #client: EchoClient;
  readonly #draw: Draw;
  readonly #ledger: Ledger;
  readonly #placements: Placements;
  readonly #callsPerSecond: number;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  /** Times that many. */
  factor = 1;

  constructor(client: EchoClient, draw: Draw, ledger: Ledger, placements: Placements, callsPerSecond: number) {
    this.#client = client;
    this.#draw = draw;
    this.#ledger = ledger;
    this.#placements = placements;
    this.#callsPerSecond = callsPerSecond;
  }

  start(): void {
    let lastMs = performance.now();
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      // A process that was held up makes good for a part of it only.
      this.#due += (this.#callsPerSecond * this.factor * Math.min(nowMs - lastMs, MAX_TICK_MS)) / 1_000;
      lastMs = nowMs;
      for (; this.#due >= 1; this.#due -= 1) {
        if (this.#ledger.openCalls < MAX_OPEN_CALLS) this.#makeOne();
      }
    }, TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #makeOne(): void {
    const plan = drawCall(this.#draw);
    const id = this.#ledger.begin(plan);
    const metadata = new Metadata({ waitForReady: plan.waitForReady });
    metadata.set(CALL_ID, String(id));
    makeCall(this.#client, plan, {
      metadata,
      onResponse: ({ details }) => this.#placements.answered(id, Number(details?.peer.split(':').at(-1))),
      onStatus: (received) => this.#ledger.status(id, received),
      onLeave: () => this.#ledger.leave(id),
      onTold: () => this.#ledger.told(id),
    });
  }
}
