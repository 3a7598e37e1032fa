/** Counts of an echo server since it started. A call counts from the moment its handler runs. */
export interface EchoServerStats {
  readonly startedCalls: number;
  /** Started and neither finished nor cancelled. */
  readonly openCalls: number;
  readonly peakOpenCalls: number;
  /** The most that were open at one time on one connection. */
  readonly peakOpenCallsOnSession: number;
  /** Ended by the client, its deadline or the loss of its connection. */
  readonly cancelledCalls: number;
  /** Ended by the server, with whatever status. */
  readonly finishedCalls: number;
  /** Open connections, which is HTTP/2 sessions: a server has one on each. */
  readonly sessions: number;
  /** Connections ever accepted. */
  readonly acceptedSessions: number;
}

/** Keeps the counts, so that they cost a call next to nothing. */
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

  /** Counts the end of a call, whoever made it. */
  end(session: string): void {
    this.openCalls -= 1;
    const open = (this.#openOnSession.get(session) ?? 0) - 1;
    if (open > 0) this.#openOnSession.set(session, open);
    else this.#openOnSession.delete(session);
  }
}
