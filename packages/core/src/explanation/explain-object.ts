import { Metadata, type StatusObject, type status as Status } from '@grpc/grpc-js';
import type { CallExplanation } from './explanation.js';

const EXPLANATION = Symbol.for('grpc-manifold.explanation');
/** Interceptors often rebuild a status from its three fields; the metadata object is what survives that. */
const byMetadata = new WeakMap<Metadata, CallExplanation>();

/** Makes a status that {@link explain} can read, with the given metadata (kept as it is) or none. */
export function explainedStatus(
  code: Status,
  details: string,
  explanation: CallExplanation,
  metadata: Metadata = new Metadata(),
): StatusObject {
  byMetadata.set(metadata, explanation);
  return Object.assign({ code, details, metadata }, { [EXPLANATION]: explanation });
}

/**
 * Says of a status that was received which layer of ours it came through, and leaves it what it is: for statuses of
 * calls that went well, where making a new one would cost each of them.
 *
 * @param explanation may be shared by many statuses.
 */
export function markStatus(received: StatusObject, explanation: CallExplanation): void {
  if (Object.isExtensible(received)) (received as { [EXPLANATION]?: CallExplanation })[EXPLANATION] = explanation;
}

/**
 * Reads what one of our layers in this process said of a status; undefined for anything else, whatever its words. May
 * throw for an object that throws when it is looked at.
 */
export function explanationOf(status: object): CallExplanation | undefined {
  const { [EXPLANATION]: marked, metadata } = status as { [EXPLANATION]?: CallExplanation; metadata?: unknown };
  return marked ?? (metadata instanceof Metadata ? byMetadata.get(metadata) : undefined);
}
