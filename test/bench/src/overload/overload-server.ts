import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from '../child-process.js';
import { newsFrom } from '../process-news.js';
import { startPacedServer } from '../servers/start-paced-server.js';
import type { OverloadLoadOptions, OverloadNews, OverloadReport } from './overload-report.js';

/** From when on the server does how much. */
export interface Pace {
  /** Milliseconds from the start of the measured window. */
  readonly fromMs: number;
  readonly callsPerSecond: number;
}

/** One overload: the load without its port, and what the server does. */
export interface Overload extends Omit<OverloadLoadOptions, 'port'> {
  /** The first one holds during the warm-up too. */
  readonly paces: readonly Pace[];
}

/** What happened: what the client saw, and how many calls stood in the server's line, by seconds of the window. */
export interface Overloaded {
  readonly report: OverloadReport;
  readonly depths: readonly (readonly [s: number, depth: number])[];
}

/** Offers a server more than it can do, from a process of its own. */
export async function overloadServer({ paces, ...load }: Overload): Promise<Overloaded> {
  const [first, ...changes] = paces as [Pace, ...Pace[]];
  const server = await startPacedServer(first);
  const started = await startProcess(new URL('./load-process.js', import.meta.url), { ...load, port: server.port });
  try {
    const { child } = started;
    const news = newsFrom<OverloadNews>(child);
    const died = once(child, 'exit').then(() => Promise.reject(new Error(`The load of ${load.variant} died`)));
    died.catch(() => undefined);

    const { atMs } = await Promise.race([news('measuring'), died]);
    const reported = news('report');
    for (const { fromMs, callsPerSecond } of changes) {
      await Promise.race([sleep(atMs + fromMs - Date.now()), died]);
      server.setPace(callsPerSecond);
    }
    const { report } = await Promise.race([reported, died]);
    const depths = server.depths
      .map(({ atMs: whenMs, depth }) => [(whenMs - atMs) / 1_000, depth] as const)
      .filter(([s]) => s >= 0 && s <= load.measureMs / 1_000);
    return { report, depths };
  } finally {
    await started.stop();
    await server.stop();
  }
}
