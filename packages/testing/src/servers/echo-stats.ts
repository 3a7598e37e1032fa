/** Counts of an echo server since it started. A call counts from the moment its handler runs. */
export interface EchoServerStats {
  readonly startedCalls: number;
  /** Calls that have started and have neither finished nor been cancelled. */
  readonly openCalls: number;
  readonly peakOpenCalls: number;
  /** The highest number of calls that were open at the same time on one connection. */
  readonly peakOpenCallsOnSession: number;
  /** Calls that ended by the client, the deadline or the loss of the connection. */
  readonly cancelledCalls: number;
  /** Calls that the server ended, with any status. */
  readonly finishedCalls: number;
  /** Open connections. Each has one HTTP/2 session. */
  readonly sessions: number;
  /** Connections ever accepted. */
  readonly acceptedSessions: number;
}

/** Counts calls and connections with little cost for each call. */
export class EchoCounters implements EchoServerStats {
  readonly #openOnSession = new Map<string, number>();
  startedCalls = 0;
  openCalls = 0;
  peakOpenCalls = 0;
  peakOpenCallsOnSession = 0;
  cancelledCalls = 0;
  finishedCalls = 0;
  sessions = 0;
  acceptedSessions = 0;

  /** Counts the start of a call. @param session names its connection. */
  start(session: string): void {
    this.startedCalls += 1;
    this.openCalls += 1;
    if (this.openCalls > this.peakOpenCalls) this.peakOpenCalls = this.openCalls;
    const open = (this.#openOnSession.get(session) ?? 0) + 1;
    this.#openOnSession.set(session, open);
    if (open > this.peakOpenCallsOnSession) this.peakOpenCallsOnSession = open;
  }

  /** The counts as they are now. */
  read(): EchoServerStats {
    return { ...this };
  }

  /** Counts the end of a call by the server or the client. */
  end(session: string): void {
    this.openCalls -= 1;
    const open = (this.#openOnSession.get(session) ?? 0) - 1;
    if (open > 0) this.#openOnSession.set(session, open);
    else this.#openOnSession.delete(session);
  }
}
