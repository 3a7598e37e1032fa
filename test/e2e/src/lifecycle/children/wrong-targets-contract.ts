/** A client that cannot have a connection, or not in time. */
export interface WrongTarget {
  readonly target: string;
  /** Default: plain text. */
  readonly isTls?: boolean;
  /** Options of grpc-js. */
  readonly channelOptions?: Readonly<Record<string, string | number>>;
  /** Close it while it connects. Default: when its call has its status. */
  readonly isClosedMidway?: boolean;
}

/** What the program is told at its start. */
export interface WrongTargetsOptions {
  readonly targets: readonly WrongTarget[];
  /** A server for the calls that must go well. */
  readonly healthyTarget: string;
  /** Worker threads, which all clients share; 0 for none. */
  readonly threads: number;
}

/** What the program says, before it has nothing left to do. */
export interface WrongTargetsReport {
  readonly kind: 'report';
  /** The status of the call of each wrong target. */
  readonly codes: readonly string[];
  /** Those of the calls of the healthy client. */
  readonly healthyCodes: readonly string[];
  /** Warnings of ours. */
  readonly warnings: readonly string[];
  /** Sockets of this thread that are open when all clients are closed. */
  readonly openSockets: number;
}
