import { NUMBER } from './facts-in-words.js';
import { freeText, type Wording } from './wording.js';

/** Characters of the key of a partition that are shown: it may be anything that a caller sent. */
const MOST_KEY = 64;

/** The queue holds as many calls as it may. */
export const QUEUE_FULL: Wording<{ readonly queuedCalls: number; readonly limit: number }> = {
  tells: ['refusedBy', 'limit'],
  write: ({ queuedCalls, limit }) =>
    `Refused before it was sent, queue-full: ${queuedCalls} calls wait (maxQueuedCalls ${limit})`,
  pattern: new RegExp(
    `Refused before it was sent, queue-full: ${NUMBER} calls wait \\(maxQueuedCalls (?<limit>${NUMBER})\\)`,
  ),
  read: ({ limit }) => ({ refusedBy: 'queue-full', limit: Number(limit), queueWaitMs: 0 }),
};

/** The queue holds as many bytes as it may. */
export const QUEUE_BYTES: Wording<{ readonly queuedBytes: number; readonly limit: number }> = {
  tells: ['refusedBy', 'limit'],
  write: ({ queuedBytes, limit }) =>
    `Refused before it was sent, queue-bytes: ${queuedBytes} bytes wait (maxQueuedBytes ${limit})`,
  pattern: new RegExp(
    `Refused before it was sent, queue-bytes: ${NUMBER} bytes wait \\(maxQueuedBytes (?<limit>${NUMBER})\\)`,
  ),
  read: ({ limit }) => ({ refusedBy: 'queue-bytes', limit: Number(limit), queueWaitMs: 0 }),
};

/** The call has waited for as long as it may. */
export const QUEUE_TIME: Wording<{ readonly waitedMs: number; readonly limit: number }> = {
  tells: ['refusedBy', 'limit', 'queueWaitMs'],
  write: ({ waitedMs, limit }) =>
    `Refused before it was sent, queue-time: waited ${waitedMs} ms (maxQueueTimeMs ${limit})`,
  pattern: new RegExp(
    `Refused before it was sent, queue-time: waited (?<waited>${NUMBER}) ms \\(maxQueueTimeMs (?<limit>${NUMBER})\\)`,
  ),
  read: ({ waited, limit }) => ({ refusedBy: 'queue-time', limit: Number(limit), queueWaitMs: Number(waited) }),
};

/** The partition of the call has its share of the queue. */
export const QUEUE_SHARE: Wording<{
  readonly key: string;
  readonly queuedCalls: number;
  readonly inFlightCalls: number;
  readonly maxQueuedCalls: number;
  readonly limit: number;
}> = {
  tells: ['refusedBy', 'limit'],
  write: ({ key, queuedCalls, inFlightCalls, maxQueuedCalls, limit }) =>
    `Refused before it was sent, share: ${queuedCalls} calls of partition '${shortened(key)}' wait and ` +
    `${inFlightCalls} are in flight, its share of maxQueuedCalls ${maxQueuedCalls} is ${limit}`,
  pattern: new RegExp(
    `Refused before it was sent, share: ${NUMBER} calls of partition '[^]*' wait and ` +
      `${NUMBER} are in flight, its share of maxQueuedCalls ${NUMBER} is (?<limit>${NUMBER})`,
  ),
  read: ({ limit }) => ({ refusedBy: 'share', limit: Number(limit), queueWaitMs: 0 }),
};

/** The call would be late. */
export const EARLY_DROP: Wording<{ readonly expectedMs: number; readonly remainingMs: number }> = {
  tells: ['refusedBy', 'limit'],
  write: ({ expectedMs, remainingMs }) =>
    `Refused before it was sent, early-drop: it would wait ${expectedMs} ms and has ${remainingMs} ms until its deadline`,
  pattern: new RegExp(
    `Refused before it was sent, early-drop: it would wait ${NUMBER} ms and has (?<limit>${NUMBER}) ms until its deadline`,
  ),
  read: ({ limit }) => ({ refusedBy: 'early-drop', limit: Number(limit), queueWaitMs: 0 }),
};

/** What the interceptor calls threw. */
export const THREW_BELOW: Wording<{ readonly error: string }> = {
  tells: [],
  write: ({ error }) => `What follows the bounded queue threw: ${freeText(error)}`,
  pattern: /What follows the bounded queue threw: /,
  read: () => ({ queueWaitMs: 0 }),
};

function shortened(key: string): string {
  return key.length > MOST_KEY ? `${key.slice(0, MOST_KEY - 1)}…` : key;
}
