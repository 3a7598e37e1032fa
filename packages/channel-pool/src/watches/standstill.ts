/** Milliseconds that a process must have stood still before its idle connections are verified. */
export const STANDSTILL_MS = 5_000;

/**
 * Tells how long this process stood still between two readings of its clocks, in milliseconds; 0 for less than
 * {@link STANDSTILL_MS}. A stopped process finds both clocks advanced. A machine that slept finds only the wall clock
 * advanced, because the monotonic clock of Linux does not count sleep. An administrator who sets the wall clock looks
 * the same, in either direction; the connections are verified then, too.
 *
 * @param wallMs what the wall clock advanced by, below 0 when it was set back.
 * @param elapsedMs what the monotonic clock advanced by.
 */
export function standstillMs(wallMs: number, elapsedMs: number): number {
  const longestMs = Math.max(elapsedMs, Math.abs(wallMs - elapsedMs));
  return longestMs >= STANDSTILL_MS ? longestMs : 0;
}
