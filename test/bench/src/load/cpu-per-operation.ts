import { threadCpuNs } from './thread-cpu.js';

/** Operations in the first batch. */
const FIRST_BATCH = 100;

/**
 * Repeats an operation for so long and tells what one took. CPU time, not time on the wall: that the thread had to wait
 * for a core is nothing of the operation's.
 *
 * @param run repeats it so many times.
 * @param atLeastMs CPU time in milliseconds; tens of them, see {@link threadCpuNs}.
 */
export async function cpuNsPerOperation(
  run: (times: number) => void | Promise<void>,
  atLeastMs: number,
): Promise<number> {
  const startNs = threadCpuNs();
  let tookNs = 0;
  let operations = 0;
  // Ever larger batches: asking for the time costs more than some of these operations.
  for (let batch = FIRST_BATCH; tookNs < atLeastMs * 1e6; batch *= 2) {
    await run(batch);
    operations += batch;
    tookNs = threadCpuNs() - startNs;
  }
  return tookNs / operations;
}
