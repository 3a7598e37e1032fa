import { Agent, get } from 'node:http';
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';

const VISITS_PER_SECOND = 100;

/** How long a page was waited for. */
export interface Visits {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Asks for a page time and again, until it is told to stop. Rejects when one did not come. */
export async function visit(port: number, until: AbortSignal): Promise<Visits> {
  const agent = new Agent({ keepAlive: true });
  const waitedUs = createHistogram();
  const visits: Promise<void>[] = [];
  let failure: Error | undefined;
  while (!until.aborted) {
    const visited = answered(port, agent).then(
      (waitedMs) => waitedUs.record(Math.max(1, Math.round(waitedMs * 1_000))),
      (error: Error) => void (failure ??= error),
    );
    visits.push(visited);
    await pause(1_000 / VISITS_PER_SECOND);
  }
  await Promise.all(visits);
  agent.destroy();
  if (failure !== undefined) throw failure;
  return { p50Ms: waitedUs.percentile(50) / 1_000, p99Ms: waitedUs.percentile(99) / 1_000 };
}

/** Milliseconds from the request to the end of the answer. */
function answered(port: number, agent: Agent): Promise<number> {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const request = get({ port, host: '127.0.0.1', agent }, (response) => {
      response
        .once('error', reject)
        .once('end', () => resolve(performance.now() - startMs))
        .resume();
    });
    request.once('error', reject);
  });
}
