import { status, type StatusObject } from '@grpc/grpc-js';
import { wasSent } from '@grpc-manifold/core/internal';

/**
 * What grpc-js 1.14.7 says of calls that the server's application never saw (subchannel-call.ts, internal-channel.ts).
 */
const NEVER_PROCESSED: ReadonlySet<string> = new Set([
  // RST_STREAM with REFUSED_STREAM, or a stream above the last one of a GOAWAY (RFC 9113, sections 8.7 and 6.8).
  'Stream refused by server',
  'Channel closed before call started',
]);

/**
 * True when a status tells that the call was never processed, so that trying it again can do nothing twice. It must
 * have been made on this side: one that a server sent in the same words has headers with it.
 */
export function neverProcessed({ code, details, metadata }: StatusObject): boolean {
  return code === status.UNAVAILABLE && NEVER_PROCESSED.has(details) && !wasSent(metadata);
}
