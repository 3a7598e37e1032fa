import { status, type StatusObject } from '@grpc/grpc-js';
import { explainedStatus, type CallExplanation } from './explain.js';

/**
 * Makes the DEADLINE_EXCEEDED status of a call, and words what it waited for. The words say nothing that is not in the
 * explanation too, but for the time and the peer.
 *
 * @param afterMs milliseconds from the creation of the call.
 * @param peer who the call was sent to, or was to be.
 */
export function deadlineStatus(afterMs: number, explanation: CallExplanation, peer = 'unknown'): StatusObject {
  const seconds = (Math.max(0, afterMs) / 1_000).toFixed(3);
  return explainedStatus(
    status.DEADLINE_EXCEEDED,
    `Deadline exceeded after ${seconds}s,${whereabouts(explanation, peer)}`,
    explanation,
  );
}

function whereabouts(explanation: CallExplanation, peer: string): string {
  const { waitedFor, usedStreams, streamCapacity, limit, limitedBy, channelId, inFlightCalls } = explanation;
  switch (waitedFor) {
    case 'stream':
      return `waiting for a stream: ${usedStreams} of ${streamCapacity} in use, limit ${limit} a connection by ${limitedBy}`;
    case 'sign-of-life':
      return `waiting for a sign of life: ${usedStreams} of ${streamCapacity} streams in use`;
    case 'connection':
      return `waiting for a connection: ${explanation.lastConnectionError ?? 'none is ready yet'}`;
    case 'credentials':
      return `waiting for call credentials on connection ${channelId} to ${peer}`;
    case 'slot':
      return `waiting in the queue: ${inFlightCalls} in flight, limit ${limit}`;
    default:
      return channelId === undefined ? 'before it was sent' : `on connection ${channelId} to ${peer}`;
  }
}
