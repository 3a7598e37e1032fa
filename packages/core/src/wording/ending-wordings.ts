import type { CallExplanation } from '../explanation/explanation.js';
import type { TransportFault } from '../faults/fault.js';
import { freeText, type Wording } from './wording.js';

/** A call on a connection ended because its pool or client was closed. */
export const CANCELLED: Wording<{ readonly reason: string }> = {
  tells: [],
  write: ({ reason }) => `Cancelled by grpc-manifold: ${freeText(reason)}`,
  pattern: /Cancelled by grpc-manifold: /,
  read: () => ({ queueWaitMs: 0 }),
};

/** The pool gave up a connection that carried calls. */
export const GIVEN_UP: Wording<{ readonly channelId: number; readonly reason: string }> = {
  tells: ['channelId'],
  write: ({ channelId, reason }) => `Connection ${channelId} was given up: ${freeText(reason)}`,
  pattern: /Connection (?<channelId>\d+) was given up: /,
  read: ({ channelId }) => ({ channelId: Number(channelId), queueWaitMs: 0 }),
};

/** The channel of a connection threw when the call was created. */
export const NOT_TAKEN: Wording<{ readonly channelId: number; readonly error: string }> = {
  tells: ['channelId'],
  write: ({ channelId, error }) => `Connection ${channelId} did not take the call: ${freeText(error)}`,
  pattern: /Connection (?<channelId>\d+) did not take the call: /,
  read: ({ channelId }) => ({ channelId: Number(channelId), queueWaitMs: 0 }),
};

/** The servers of several connections refused the call, one after the other, before they processed it. */
export const NOT_PROCESSED: Wording<{ readonly connections: number; readonly fault: TransportFault }> = {
  tells: [],
  write: ({ connections, fault }) =>
    `Not processed by any of ${connections} connections, of the last: ${freeText(fault.detail)}`,
  pattern: /Not processed by any of \d+ connections, of the last: /,
  read: () => ({ queueWaitMs: 0 }),
};

/** The interceptor or channel behind a bounded queue threw when the call was created. */
export const THREW_BELOW: Wording<{ readonly error: string }> = {
  tells: [],
  write: ({ error }) => `What follows the bounded queue threw: ${freeText(error)}`,
  pattern: /What follows the bounded queue threw: /,
  read: () => ({ queueWaitMs: 0 }),
};

/**
 * Adds the detail of a fault to an explanation that was parsed from text. The detail is the free text of the status.
 */
export function withFaultDetail(explanation: CallExplanation, detail: string): CallExplanation {
  const { fault } = explanation;
  return fault === undefined ? explanation : { ...explanation, fault: { tag: fault.tag, detail } };
}
