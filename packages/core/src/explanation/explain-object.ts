import { Metadata, type StatusObject, type status as Status } from '@grpc/grpc-js';
import type { CallExplanation } from './explanation.js';

const EXPLANATION = Symbol.for('grpc-manifold.explanation');
/** Interceptors often rebuild a status from its three fields. Only the metadata object survives that. */
const byMetadata = new WeakMap<Metadata, CallExplanation>();

/** Creates a status that {@link explain} can read. The given metadata object becomes part of it unchanged. */
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
 * Attaches an explanation to a received status without replacing the object. It is used for successful calls, where a
 * new status for each call would be expensive.
 *
 * @param explanation may be shared by many statuses.
 */
export function markStatus(received: StatusObject, explanation: CallExplanation): void {
  if (Object.isExtensible(received)) (received as { [EXPLANATION]?: CallExplanation })[EXPLANATION] = explanation;
}

/**
 * Returns the explanation that a layer in this process attached to a status; undefined when there is none. The text of
 * the status is not read. Throws when a property of the object throws on access.
 */
export function explanationOf(status: object): CallExplanation | undefined {
  const { [EXPLANATION]: marked, metadata } = status as { [EXPLANATION]?: CallExplanation; metadata?: unknown };
  return marked ?? (metadata instanceof Metadata ? byMetadata.get(metadata) : undefined);
}
