import type { ServerOptions, Server } from './servers.js';

/** Who plays: a client as grpc-js makes it, or the same class over a pool. */
export type Contestant = 'plain' | 'pooled';

/** In the order in which they play. */
export const CONTESTANTS: readonly Contestant[] = ['plain', 'pooled'];

/** The same thing of both. */
export type Both<T> = Readonly<Record<Contestant, T>>;

/** One act of the demo: a trouble that a server gives, and how each client takes it. */
export interface Act {
  /** What `--act` calls it: one letter. */
  readonly name: string;
  readonly title: string;
  /** One sentence: what the server does and what is asked of it. */
  readonly setting: string;
  play(stage: Stage): Promise<ActResult>;
}

/** What an act is given to play with. */
export interface Stage {
  /** Seconds that each client is measured, when the user asked for a number. */
  readonly seconds: number | undefined;
  startServer(options: ServerOptions): Promise<Server>;
  /**
   * Runs a module of `loads/` in a child process against `server` and resolves with its report. Rejects when either
   * ends early.
   *
   * @param onSample is called with each sample that the load tells while it runs.
   */
  runLoad<Plan, Sample, Report>(
    load: LoadModule<Plan, Sample, Report>,
    server: Server,
    plan: Plan,
    onSample: (sample: Sample) => void,
  ): Promise<Report>;
  /** Shows how far the act is. */
  show(board: Board): void;
}

/** Names a module of `loads/` together with what it takes and gives. */
export interface LoadModule<Plan, Sample, Report> {
  readonly url: URL;
  /** Never set: carries the types only. */
  readonly types?: (plan: Plan) => [Sample, Report];
}

/** What is on view while an act plays. */
export interface Board {
  readonly act: Act;
  readonly active: Contestant;
  readonly elapsedSeconds: number;
  readonly totalSeconds: number;
  readonly rows: readonly ({ readonly label: string } & Partial<Both<string>>)[];
  /** A curve a contestant, drawn small and on one scale. */
  readonly trend: { readonly label: string } & Both<readonly number[]>;
}

/** What an act found. */
export interface ActResult {
  readonly act: Act;
  readonly rows: readonly ({ readonly label: string } & Both<string>)[];
  readonly claims: readonly Claim[];
  /** The least share of a processor that a load's process got while it had work; well under 1: others took it. */
  readonly processorShare: number;
  readonly plots: readonly Plot[];
}

/** Something the demo says; when one does not hold, the demo fails. */
export interface Claim {
  readonly says: string;
  /** The number that was measured, with its unit. */
  readonly measured: string;
  readonly holds: boolean;
}

/** A chart of the page. */
export interface Plot {
  readonly title: string;
  /** One sentence: what one sees. */
  readonly says: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly curves: Both<readonly Point[]>;
  /** Moments on the x axis worth a line. */
  readonly marks?: readonly { readonly x: number; readonly label: string }[];
}

/** What an axis counts. */
export interface Axis {
  readonly label: string;
  readonly unit: string;
}

/** x, y. */
export type Point = readonly [number, number];
