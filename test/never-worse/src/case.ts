import type { Seen } from './seen.js';
import type { Stage } from './stage.js';

/** States that a pooled client sees something else than a plain one. */
export interface Statement {
  /** 'better' is checked by a rule (`verdict.ts`); a 'difference' is a choice, and says which. */
  readonly is: 'better' | 'difference';
  /** What is seen instead; what is left out is as with a plain client. */
  readonly saw: Seen;
  /** The reason, in whole sentences, for the page. */
  readonly why: string;
  /**
   * The record of the choice, by its file name in docs/decisions. A difference has one, or its reason stands for
   * itself.
   */
  readonly decision?: string;
}

/** One thing that happens to clients, and what they are to see of it. */
export interface Case {
  /** A sentence: what happens. */
  readonly title: string;
  /** Address of a public report of it. */
  readonly report?: string;
  /** Lets it happen to one client. */
  readonly run: (stage: Stage) => Promise<Seen>;
  /** What a plain client sees. It is asserted, or nobody would know that the case was brought about. */
  readonly plain: Seen;
  /** What a pooled client sees that a plain one does not. Default: nothing. */
  readonly pooled?: Statement;
  /** The same, with connections in threads. Default: as `pooled`. */
  readonly threads?: Statement;
  /** Why there is nothing to see in threads. Default: there is. */
  readonly notInThreads?: string;
  /** Takes seconds of real time: played by `npm run test:full` only. Default false. */
  readonly isSlow?: boolean;
  /** Says what this machine lacks for it. The case is skipped then, and the reason shown. */
  readonly missing?: () => string | undefined;
}

/** Cases that belong together, under one heading. */
export interface Family {
  readonly heading: string;
  readonly cases: readonly Case[];
}
