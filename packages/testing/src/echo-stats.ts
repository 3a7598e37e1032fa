/** Counts of an echo server since it started. A call counts from the moment its handler runs. */
export interface EchoServerStats {
  readonly startedCalls: number;
  /** Started and neither finished nor cancelled. */
  readonly openCalls: number;
  readonly peakOpenCalls: number;
  /** Ended by the client, its deadline or the loss of its connection. */
  readonly cancelledCalls: number;
  /** Ended by the server, with whatever status. */
  readonly finishedCalls: number;
  /** Open connections, which is HTTP/2 sessions: a server has one on each. */
  readonly sessions: number;
  /** Connections ever accepted. */
  readonly acceptedSessions: number;
}

/** Keeps the counts; plain integers, so that they cost a call nothing. */
export class EchoCounters implements EchoServerStats {
  startedCalls = 0;
  openCalls = 0;
  peakOpenCalls = 0;
  cancelledCalls = 0;
  finishedCalls = 0;
  sessions = 0;
  acceptedSessions = 0;

  start(): void {
    this.startedCalls += 1;
    this.openCalls += 1;
    if (this.openCalls > this.peakOpenCalls) this.peakOpenCalls = this.openCalls;
  }
}
