/** The numbers that a decision to open a connection is made on. */
export interface Load {
  readonly minChannels: number;
  readonly maxChannels: number;
  readonly growAtRatio: number;
  /** Connections that carry calls or are being opened. */
  readonly liveChannels: number;
  readonly connectingChannels: number;
  readonly usedStreams: number;
  readonly capacity: number;
  readonly queuedCalls: number;
}

/** What was decided on the number of connections, and the numbers it was decided on. */
export interface ScaleDecision {
  readonly action: 'grow' | 'shrink' | 'keep';
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  readonly usedStreams: number;
  readonly capacity: number;
  readonly queuedCalls: number;
  readonly peakStreams: number;
}

/** Says why another connection should be opened now, or undefined when none should. One is opened at a time (gRFC A105). */
export function growthReason(load: Load): string | undefined {
  const { liveChannels, usedStreams, capacity, queuedCalls, growAtRatio } = load;
  if (load.connectingChannels > 0 || liveChannels >= load.maxChannels) return undefined;
  if (liveChannels < load.minChannels) return `fewer than minChannels ${load.minChannels}`;
  if (queuedCalls > 0) return `${queuedCalls} calls wait`;
  if (usedStreams > 0 && usedStreams >= capacity * growAtRatio) {
    return `${usedStreams} of ${capacity} streams in use (growAtRatio ${growAtRatio})`;
  }
  return undefined;
}
