import { once } from 'node:events';
import { startProcess } from '../child-process.js';
import { newsFrom } from '../process-news.js';
import { startUnaryServer } from '../servers/start-unary-server.js';
import type { RotationLoadOptions, RotationNews, RotationReport } from './rotation-report.js';

/** Lets a client in a process of its own call a server while its members are replaced, or are not. */
export async function rotateMembers(load: Omit<RotationLoadOptions, 'port'>): Promise<RotationReport> {
  const server = await startUnaryServer({});
  const started = await startProcess(new URL('./load-process.js', import.meta.url), { ...load, port: server.port });
  try {
    const died = once(started.child, 'exit').then(() => Promise.reject(new Error('The load died')));
    died.catch(() => undefined);
    return (await Promise.race([newsFrom<RotationNews>(started.child)('report'), died])).report;
  } finally {
    await started.stop();
    await server.stop();
  }
}
