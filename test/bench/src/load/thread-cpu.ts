import { readFileSync } from 'node:fs';

/**
 * CPU time of the calling thread in nanoseconds, from an arbitrary start. Event-loop active time also counts the time
 * that the thread was ready and had no core; this does not. Linux tells it, to a scheduler tick (1 to 4 ms): measure
 * tens of milliseconds. Elsewhere it is that of the whole process, the threads of the garbage collector included.
 */
export function threadCpuNs(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]);
  } catch {
    const { user, system } = process.cpuUsage();
    return (user + system) * 1_000;
  }
}
