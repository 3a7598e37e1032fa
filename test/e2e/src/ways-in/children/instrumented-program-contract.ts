/** Who makes the calls of the program. */
export const INSTRUMENTED_WAYS = [
  'plain',
  'createPooledClient',
  'repool',
  'poolInterceptor',
  'pooledChannelFactory',
] as const;

/** What the program prints: for each way, the spans of one call of each kind. */
export interface InstrumentedReport {
  readonly spans: Readonly<Record<(typeof INSTRUMENTED_WAYS)[number], readonly string[]>>;
  /** What the calls of a client ended with whose `poolInterceptor` is followed by another. */
  readonly misplaced: string;
}
