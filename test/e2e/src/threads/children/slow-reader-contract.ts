/** What the program is told at its start. */
export interface SlowReaderOptions {
  readonly target: string;
  readonly messages: number;
  readonly messageBytes: number;
  /** Milliseconds for which it does not read. */
  readonly pauseMs: number;
}

/** What it says: how many messages it read, and by how much its memory grew while it did not. */
export interface SlowReaderMessage {
  readonly kind: 'read';
  readonly messages: number;
  readonly grownBytes: number;
}
