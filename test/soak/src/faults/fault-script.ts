import { setTimeout as delay } from 'node:timers/promises';
import type { Draw } from '../draw.js';
import { BEGIN, FAULT_WEIGHTS, STRIKES_SERVER, type FaultName } from './fault-kinds.js';
import { FaultRecord, type TouchedConnections } from './fault-record.js';
import type { Origin } from './origin.js';

/** Milliseconds between the beginnings of two faults. */
const PAUSE_MS = { min: 200, max: 1_500 } as const;

/** What became of the faults of one kind. */
export interface FaultFigures {
  count: number;
  failedCalls: number;
  /** Milliseconds from the beginning of a fault to the last call that failed for it; the longest. */
  longestHurtMs: number;
}

/** Brings about one fault after the other, several at the same time among them. */
export class FaultScript {
  readonly #draw: Draw;
  readonly #origins: readonly [Origin, ...Origin[]];
  readonly #touched: TouchedConnections;
  readonly #setLoad: (factor: number) => void;
  readonly #undoing = new Set<Promise<void>>();
  readonly #records: FaultRecord[] = [];
  readonly #figures = new Map<FaultName, FaultFigures>();
  #struck: Origin | undefined;
  #isLoadChanged = false;

  constructor(
    draw: Draw,
    origins: readonly [Origin, ...Origin[]],
    touched: TouchedConnections,
    setLoad: (factor: number) => void,
  ) {
    this.#draw = draw;
    this.#origins = origins;
    this.#touched = touched;
    this.#setLoad = setLoad;
  }

  /** Goes on until it is told to stop; then nothing is broken any more when it resolves. */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await delay(this.#draw.whole(PAUSE_MS.min, PAUSE_MS.max), undefined, { signal: stop }).catch(() => undefined);
      if (!stop.aborted) await this.#begin(this.#draw.weighted(FAULT_WEIGHTS), stop);
    }
    await Promise.all(this.#undoing);
    this.#settle(true);
  }

  /** True while a server as a whole is struck, or has been a moment ago. */
  get isServerStruck(): boolean {
    return this.#struck !== undefined || this.#records.some(({ name, isFelt }) => STRIKES_SERVER.has(name) && isFelt);
  }

  /** The faults that are felt, and for how long, in words. */
  describeFelt(): string {
    const felt = this.#records.filter(({ isFelt }) => isFelt).map((record) => record.describe());
    return felt.join(', ') || 'none';
  }

  /** By kind. */
  figures(): ReadonlyMap<FaultName, FaultFigures> {
    return this.#figures;
  }

  async #begin(name: FaultName, stop: AbortSignal): Promise<void> {
    const strikesServer = STRIKES_SERVER.has(name);
    const changesLoad = name === 'pause' || name === 'burst';
    if ((strikesServer && this.#struck !== undefined) || (changesLoad && this.#isLoadChanged)) return;
    const origin = this.#draw.oneOf(this.#origins);
    const record = new FaultRecord(name);
    const touch = (connection: Parameters<TouchedConnections['add']>[0]): void => this.#touched.add(connection, record);
    if (strikesServer) this.#struck = origin;
    if (changesLoad) this.#isLoadChanged = true;
    this.#settle(false);
    this.#records.push(record);
    this.#figuresOf(name).count += 1;
    const undo = await BEGIN[name]({
      draw: this.#draw,
      origin,
      connection: this.#draw.oneOf(origin.proxy.connections),
      touch,
      touchAll: () => origin.proxy.connections.forEach(touch),
      setLoad: this.#setLoad,
    });
    const end = async (): Promise<void> => {
      if (undo !== undefined) {
        await delay(undo.afterMs, undefined, { signal: stop }).catch(() => undefined);
        await undo.undo();
      }
      record.end();
      if (strikesServer) this.#struck = undefined;
      if (changesLoad) this.#isLoadChanged = false;
    };
    const undoing = end();
    this.#undoing.add(undoing);
    void undoing.finally(() => this.#undoing.delete(undoing));
  }

  /** Adds up what is no longer felt: one record a fault for an hour would be many. */
  #settle(all: boolean): void {
    while (this.#records[0] !== undefined && (all || !this.#records[0].isFelt)) {
      const { name, failedCalls, hurtMs } = this.#records.shift() as FaultRecord;
      const figures = this.#figuresOf(name);
      figures.failedCalls += failedCalls;
      figures.longestHurtMs = Math.max(figures.longestHurtMs, hurtMs);
    }
  }

  #figuresOf(name: FaultName): FaultFigures {
    let figures = this.#figures.get(name);
    if (figures === undefined) this.#figures.set(name, (figures = { count: 0, failedCalls: 0, longestHurtMs: 0 }));
    return figures;
  }
}
