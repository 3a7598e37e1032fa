interface PeerStream {
  isClientDone: boolean;
  isPeerDone: boolean;
}

/** The streams of one connection to a scripted peer, and their counters. */
export class PeerStreams {
  readonly #open = new Map<number, PeerStream>();
  /** The highest number of streams that were open at the same time. */
  peakOpen = 0;
  /** The number of streams that the client has opened. */
  opened = 0;
  /** Id of the newest stream that the client opened; 0 before the first. */
  lastId = 0;

  get openCount(): number {
    return this.#open.size;
  }

  /** Ids of the open streams, oldest first. */
  get openIds(): readonly number[] {
    return [...this.#open.keys()];
  }

  isOpen(streamId: number): boolean {
    return this.#open.has(streamId);
  }

  /** True when the client has ended its side of an open stream. */
  isClientDone(streamId: number): boolean {
    return this.#open.get(streamId)?.isClientDone === true;
  }

  /** Opens a stream. Does nothing for the id of an earlier stream, as for trailers. */
  open(streamId: number): void {
    if (streamId <= this.lastId) return;
    this.lastId = streamId;
    this.opened += 1;
    this.#open.set(streamId, { isClientDone: false, isPeerDone: false });
    this.peakOpen = Math.max(this.peakOpen, this.#open.size);
  }

  /** Ends one side of a stream. A stream is closed when both sides have ended (RFC 9113 section 5.1). */
  endSide(streamId: number, side: keyof PeerStream): void {
    const stream = this.#open.get(streamId);
    if (stream === undefined) return;
    stream[side] = true;
    if (stream.isClientDone && stream.isPeerDone) this.#open.delete(streamId);
  }

  /** Closes a stream that was reset. */
  reset(streamId: number): void {
    this.#open.delete(streamId);
  }

  /** Closes all streams, as when the connection is lost. */
  clear(): void {
    this.#open.clear();
  }
}
