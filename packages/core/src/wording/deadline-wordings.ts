import type { CallExplanation } from '../explanation/explanation.js';
import { NUMBER } from './facts-in-words.js';
import { freeText, type Wording } from './wording.js';

/** The facts about a passed deadline. */
interface PassedDeadline {
  /** Seconds since the creation of the call, with three decimals. */
  readonly seconds: string;
  readonly explanation: CallExplanation;
  /** The address that the call was sent to, or would have been sent to. */
  readonly peer: string;
}

/** The call waited for a stream: all streams of all connections were in use. */
const WAITED_FOR_STREAM: Wording<PassedDeadline> = {
  tells: ['waitedFor', 'usedStreams', 'streamCapacity', 'limit', 'limitedBy'],
  write: ({ seconds, explanation: { usedStreams, streamCapacity, limit, limitedBy } }) =>
    `Deadline exceeded after ${seconds}s,waiting for a stream: ${usedStreams} of ${streamCapacity} in use, ` +
    `limit ${limit} a connection by ${limitedBy}`,
  pattern: new RegExp(
    `Deadline exceeded after ${NUMBER}s,waiting for a stream: (?<used>\\d+) of (?<capacity>\\d+) in use, ` +
      `limit (?<limit>\\d+) a connection by (?<by>server|maxStreamsPerChannel|default)`,
  ),
  read: ({ used, capacity, limit, by }) => ({
    waitedFor: 'stream',
    usedStreams: Number(used),
    streamCapacity: Number(capacity),
    limit: Number(limit),
    limitedBy: by as NonNullable<CallExplanation['limitedBy']>,
    queueWaitMs: 0,
  }),
};

/** The call waited for the verification of a connection with free streams. */
const WAITED_FOR_LIFE: Wording<PassedDeadline> = {
  tells: ['waitedFor', 'usedStreams', 'streamCapacity'],
  write: ({ seconds, explanation: { usedStreams, streamCapacity } }) =>
    `Deadline exceeded after ${seconds}s,waiting for a sign of life: ${usedStreams} of ${streamCapacity} streams in use`,
  pattern: new RegExp(
    `Deadline exceeded after ${NUMBER}s,waiting for a sign of life: (?<used>\\d+) of (?<capacity>\\d+) streams in use`,
  ),
  read: ({ used, capacity }) => ({
    waitedFor: 'sign-of-life',
    usedStreams: Number(used),
    streamCapacity: Number(capacity),
    queueWaitMs: 0,
  }),
};

const NONE_YET = 'none is ready yet';

/** The call waited for a connection. */
const WAITED_FOR_CONNECTION: Wording<PassedDeadline> = {
  tells: ['waitedFor', 'lastConnectionError'],
  write: ({ seconds, explanation: { lastConnectionError } }) =>
    `Deadline exceeded after ${seconds}s,waiting for a connection: ${freeText(lastConnectionError ?? NONE_YET)}`,
  pattern: new RegExp(`Deadline exceeded after ${NUMBER}s,waiting for a connection: `),
  read: (_groups, free) => ({
    waitedFor: 'connection',
    queueWaitMs: 0,
    ...(free === NONE_YET ? {} : { lastConnectionError: free }),
  }),
};

/** The call waited for its call credentials. */
const WAITED_FOR_CREDENTIALS: Wording<PassedDeadline> = {
  tells: ['waitedFor', 'channelId'],
  write: ({ seconds, peer, explanation: { channelId } }) =>
    `Deadline exceeded after ${seconds}s,waiting for call credentials on connection ${channelId} to ${freeText(peer)}`,
  pattern: new RegExp(
    `Deadline exceeded after ${NUMBER}s,waiting for call credentials on connection (?<channelId>\\d+) to `,
  ),
  read: ({ channelId }) => ({ waitedFor: 'credentials', channelId: Number(channelId), queueWaitMs: 0 }),
};

/** The call waited for a slot of a bounded queue. */
const WAITED_FOR_SLOT: Wording<PassedDeadline> = {
  tells: ['waitedFor', 'inFlightCalls', 'limit'],
  write: ({ seconds, explanation: { inFlightCalls, limit } }) =>
    `Deadline exceeded after ${seconds}s,waiting in the queue: ${inFlightCalls} in flight, limit ${limit}`,
  pattern: new RegExp(
    `Deadline exceeded after ${NUMBER}s,waiting in the queue: (?<inFlight>\\d+) in flight, limit (?<limit>${NUMBER})`,
  ),
  read: ({ inFlight, limit }) => ({
    waitedFor: 'slot',
    inFlightCalls: Number(inFlight),
    limit: Number(limit),
    queueWaitMs: 0,
  }),
};

/** The deadline had passed before the call was started. */
const BEFORE_SENT: Wording<PassedDeadline> = {
  tells: ['neverSent'],
  write: ({ seconds }) => `Deadline exceeded after ${seconds}s,before it was sent`,
  pattern: new RegExp(`Deadline exceeded after ${NUMBER}s,before it was sent`),
  read: () => ({ neverSent: true, queueWaitMs: 0 }),
};

/** A connection carried the call. */
const ON_CONNECTION: Wording<PassedDeadline> = {
  tells: ['channelId'],
  write: ({ seconds, peer, explanation: { channelId } }) =>
    `Deadline exceeded after ${seconds}s,on connection ${channelId} to ${freeText(peer)}`,
  pattern: new RegExp(`Deadline exceeded after ${NUMBER}s,on connection (?<channelId>\\d+) to `),
  read: ({ channelId }) => ({ channelId: Number(channelId), queueWaitMs: 0 }),
};

/** All wordings of a passed deadline. */
export const DEADLINE_WORDINGS: readonly Wording<PassedDeadline>[] = [
  WAITED_FOR_STREAM,
  WAITED_FOR_LIFE,
  WAITED_FOR_CONNECTION,
  WAITED_FOR_CREDENTIALS,
  WAITED_FOR_SLOT,
  BEFORE_SENT,
  ON_CONNECTION,
];

/** Selects the wording of a passed deadline by what the call waited for. */
export function deadlineWording({ waitedFor, channelId }: CallExplanation): Wording<PassedDeadline> {
  switch (waitedFor) {
    case 'stream':
      return WAITED_FOR_STREAM;
    case 'sign-of-life':
      return WAITED_FOR_LIFE;
    case 'connection':
      return WAITED_FOR_CONNECTION;
    case 'credentials':
      return WAITED_FOR_CREDENTIALS;
    case 'slot':
      return WAITED_FOR_SLOT;
    default:
      return channelId === undefined ? BEFORE_SENT : ON_CONNECTION;
  }
}
