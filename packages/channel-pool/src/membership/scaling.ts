/** The numbers that a decision to open a connection is made on. */
export interface Load {
  readonly minChannels: number;
  readonly maxChannels: number;
  readonly growAtRatio: number;
  /** Connections that are ready or ejected. */
  readonly liveChannels: number;
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

/**
 * Says why another connection should be opened now, or undefined when none should. They are opened one after another
 * (gRFC A105). Calls that wait count as load, but where there is room they wait for something else than a connection.
 */
export function growthReason(load: Load): string | undefined {
  const { liveChannels, usedStreams, capacity, queuedCalls, growAtRatio } = load;
  if (liveChannels >= load.maxChannels) return undefined;
  if (liveChannels < load.minChannels) return `fewer than minChannels ${load.minChannels}`;
  const wanted = usedStreams + queuedCalls;
  if (wanted > 0 && wanted >= capacity * growAtRatio) {
    return `${usedStreams} of ${capacity} streams in use, ${queuedCalls} calls wait (growAtRatio ${growAtRatio})`;
  }
  return undefined;
}

/** How full the fewer connections may be: below the ratio that would open another, so that the number does not flap. */
const SHRINK_MARGIN = 0.75;

/** The numbers that a decision to close connections is made on. */
export interface Idleness {
  readonly minChannels: number;
  readonly growAtRatio: number;
  readonly liveChannels: number;
  /** Streams that all of them may carry together. */
  readonly capacity: number;
  /** The most calls, in flight and waiting, that there were at once since the last decision. */
  readonly peakStreams: number;
}

/** How many connections would have been enough, at most as many as there are. */
export function neededChannels(idleness: Idleness): number {
  const { minChannels, liveChannels, capacity, peakStreams, growAtRatio } = idleness;
  if (liveChannels <= minChannels || capacity === 0) return liveChannels;
  const streamsPerChannel = (capacity / liveChannels) * growAtRatio * SHRINK_MARGIN;
  return Math.min(liveChannels, Math.max(minChannels, Math.ceil(peakStreams / streamsPerChannel)));
}
