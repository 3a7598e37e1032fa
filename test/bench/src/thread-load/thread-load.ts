import type { Measurement } from '../scenario.js';

/** What a process of the scenario is for: one client, and one kind of load. */
export interface ThreadLoadOptions {
  readonly variant: string;
  readonly port: number;
  /** Bytes of each request. */
  readonly requestBytes: number;
  /** Calls that are always under way; or calls a second, whatever becomes of them. */
  readonly load: { readonly concurrency: number } | { readonly callsPerSecond: number };
  readonly measureMs: number;
}

/** What it is asked for. */
export interface ThreadLoadOrder {
  readonly kind: 'measure';
}

/** What it answers. */
export type ThreadLoadNews =
  { readonly kind: 'ready' } | { readonly kind: 'measured'; readonly measurement: Measurement };
