import { status, type StatusObject } from '@grpc/grpc-js';
import type { TransportFault } from '@grpc-manifold/core';
import { faultOfStatus, wasSent } from '@grpc-manifold/core/internal';

/**
 * Tells whether a call that was not answered by headers ended by a frame that broke its stream, in the words of grpc-js
 * 1.14.7 (subchannel-call.ts). What a server's application sends has headers before it or with it, so that its words,
 * which may be those of a call of its own, are never taken for ours. Undefined for all else: credentials that could not
 * be had, a message too large to send and a connection that was lost say nothing of how a connection treats its
 * streams.
 */
export function streamFault(received: StatusObject): TransportFault | undefined {
  const { code, details, metadata } = received;
  if (code !== status.INTERNAL) return faultOfStatus(received);
  if (!details.startsWith('Received RST_STREAM with code ') || wasSent(metadata)) return undefined;
  return { tag: 'reset', detail: details };
}
