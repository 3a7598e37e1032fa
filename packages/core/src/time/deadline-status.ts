import { status, type StatusObject } from '@grpc/grpc-js';
import type { CallExplanation } from '../explanation/explanation.js';
import { deadlineWording } from '../wording/deadline-wordings.js';
import { wordedStatus } from '../wording/wording.js';

/**
 * Makes the DEADLINE_EXCEEDED status of a call, and words what it waited for. The words say nothing that is not in the
 * explanation too, but for the time and the peer.
 *
 * @param afterMs milliseconds from the creation of the call.
 * @param peer who the call was sent to, or was to be.
 */
export function deadlineStatus(afterMs: number, explanation: CallExplanation, peer = 'unknown'): StatusObject {
  const seconds = (Math.max(0, afterMs) / 1_000).toFixed(3);
  const said = { seconds, explanation, peer };
  return wordedStatus(status.DEADLINE_EXCEEDED, deadlineWording(explanation), said, explanation);
}
