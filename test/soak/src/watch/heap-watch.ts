import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { linearRegression } from 'simple-statistics';

/** Before that everything is still being made for the first time. */
const WARM_UP_RATIO = 0.25;
const MIN_SAMPLES = 6;

/** How the heap went after the warm-up. */
export interface HeapFigures {
  readonly samples: number;
  readonly firstMiB: number;
  readonly lastMiB: number;
  /** Of the line through the samples. */
  readonly mibPerMinute: number;
  /** What the line rises by from its first sample to its last. */
  readonly growthMiB: number;
}

/** Measures what is left of the heap when all garbage is gone. */
export class HeapWatch {
  readonly #collect: () => void;
  readonly #startMs = performance.now();
  readonly #samples: [minutes: number, mib: number][] = [];

  constructor() {
    setFlagsFromString('--expose-gc');
    this.#collect = runInNewContext('gc') as () => void;
  }

  sample(): void {
    this.#collect();
    this.#samples.push([(performance.now() - this.#startMs) / 60_000, process.memoryUsage().heapUsed / 1_048_576]);
  }

  get lastMiB(): number {
    return this.#samples.at(-1)?.[1] ?? 0;
  }

  /** Undefined when there are too few samples to draw a line through. */
  figures(): HeapFigures | undefined {
    const lastMinute = this.#samples.at(-1)?.[0] ?? 0;
    const warm = this.#samples.filter(([minute]) => minute >= lastMinute * WARM_UP_RATIO);
    const [first, last] = [warm[0], warm.at(-1)];
    if (warm.length < MIN_SAMPLES || first === undefined || last === undefined) return undefined;
    const mibPerMinute = linearRegression(warm).m;
    return {
      samples: warm.length,
      firstMiB: first[1],
      lastMiB: last[1],
      mibPerMinute,
      growthMiB: mibPerMinute * (last[0] - first[0]),
    };
  }
}
