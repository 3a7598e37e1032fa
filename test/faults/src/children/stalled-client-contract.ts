/** What the program is told at its start. */
export interface StalledClientOptions {
  readonly target: string;
  /** PEM; without it the client speaks plain text. */
  readonly rootCertificate?: string;
  readonly connectTimeoutMs: number;
}
