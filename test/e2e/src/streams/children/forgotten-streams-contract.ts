/** What there is about the streams that the program forgets. */
export const FORGOTTEN = [
  'with nothing attached',
  'with listeners attached',
  'with a live abort signal',
  'with a life-time timer and an idle timer',
  'with a pending write and a pending read',
  'in the middle of its messages',
  'as an upload',
  'in a scope that is forgotten with it',
] as const;

/** How the program holds those that it does not forget. */
export const HELD = [
  'by a variable',
  'by whoever reads it',
  'by whoever waits for its response',
  'by its scope',
] as const;

/** What the program is told at its start. */
export interface ForgottenStreamsOptions {
  readonly target: string;
  readonly client: 'pooled' | 'plain';
  /** Whether it watches; if not, it tells of the warnings of its process. */
  readonly watches: boolean;
}

/** A stream that was reported. */
export interface ReportedStream {
  readonly reason: string;
  readonly method?: string | undefined;
  readonly openedAt?: string | undefined;
}

/** What the program says. */
export type ForgottenStreamsMessage =
  /** All streams are opened, and none is forgotten yet. */
  | { readonly kind: 'opened' }
  /** Sent once the garbage collector found what there was to find, or gave up. */
  | {
      readonly kind: 'collected';
      readonly reports: readonly ReportedStream[];
      readonly warnings: readonly string[];
      /** Streams that are listed still. */
      readonly listed: number;
      /** Listeners that are left on the abort signal. */
      readonly abortListeners: number;
    };
