/** Units of the `grpc-timeout` header, finest first; its number has at most 8 digits (gRPC over HTTP/2). */
const UNITS: readonly (readonly [string, number])[] = [
  ['m', 1],
  ['S', 1_000],
  ['M', 60_000],
  ['H', 3_600_000],
];

/**
 * Writes the time that is left of a deadline as a `grpc-timeout` header: never less than is left, in the finest unit
 * that fits.
 */
export function timeoutHeader(remainingMs: number): string {
  const timeoutMs = Math.max(remainingMs, 0);
  for (const [unit, ms] of UNITS) {
    const amount = Math.ceil(timeoutMs / ms);
    if (amount < 1e8) return `${amount}${unit}`;
  }
  return '99999999H';
}
