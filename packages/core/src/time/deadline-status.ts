import { status, type StatusObject } from '@grpc/grpc-js';
import type { CallExplanation } from '../explanation/explanation.js';
import { deadlineWording } from '../wording/deadline-wordings.js';
import { wordedStatus } from '../wording/wording.js';

/**
 * Creates the DEADLINE_EXCEEDED status of a call. Its details say what the call waited for; except for the time and the
 * peer, they contain only facts of the explanation.
 *
 * @param afterMs milliseconds since the creation of the call.
 * @param peer the address that the call was sent to, or would have been sent to.
 */
export function deadlineStatus(afterMs: number, explanation: CallExplanation, peer = 'unknown'): StatusObject {
  const seconds = (Math.max(0, afterMs) / 1_000).toFixed(3);
  const said = { seconds, explanation, peer };
  return wordedStatus(status.DEADLINE_EXCEEDED, deadlineWording(explanation), said, explanation);
}
