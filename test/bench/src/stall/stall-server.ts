import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from '../child-process.js';
import { newsFrom } from '../process-news.js';
import { startUnaryServer } from '../servers/start-unary-server.js';
import type { StallLoadOptions, StallNews, StallOrder, StallReport } from './stall-report.js';

/** One stall: the load without its port, and what happens to the server. */
export interface Stall extends Omit<StallLoadOptions, 'port'> {
  /** SETTINGS_MAX_CONCURRENT_STREAMS of the server; left out: none. */
  readonly maxConcurrentStreams?: number;
  /** Milliseconds that the server stands still. */
  readonly stallMs: number;
  /** Milliseconds that calls go on being offered afterwards. */
  readonly recoverMs: number;
}

/**
 * Lets a client in a process of its own, whose memory is nobody else's, call a server that stops reading and goes on
 * again.
 */
export async function stallServer(stall: Stall): Promise<StallReport> {
  const { maxConcurrentStreams, stallMs, recoverMs, ...load } = stall;
  const server = await startUnaryServer(maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams });
  const started = await startProcess(new URL('./load-process.js', import.meta.url), { ...load, port: server.port });
  try {
    const { child } = started;
    const news = newsFrom<StallNews>(child);
    const order = (message: StallOrder): void => void child.send(message);
    const died = once(child, 'exit').then(() => Promise.reject(new Error(`The load of ${stall.variant} died`)));
    died.catch(() => undefined);

    server.pause();
    order({ kind: 'stalled' });
    const over = new AbortController();
    await Promise.race([sleep(stallMs, undefined, { signal: over.signal }), news('capped', over.signal), died]).finally(
      () => over.abort(),
    );
    server.resume();
    order({ kind: 'resumed', atMs: Date.now() });
    await Promise.race([sleep(recoverMs), died]);
    order({ kind: 'finish' });
    return (await Promise.race([news('report'), died])).report;
  } finally {
    await started.stop();
    await server.stop();
  }
}
