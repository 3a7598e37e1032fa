import { status } from '@grpc/grpc-js';
import { seededRandom } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { explain } from '../explanation/explain.js';
import type { CallExplanation } from '../explanation/explanation.js';
import type { TransportFaultTag } from '../faults/fault.js';
import { deadlineStatus } from '../time/deadline-status.js';
import { CANCELLED, GIVEN_UP, NOT_PROCESSED, NOT_TAKEN, THREW_BELOW } from './ending-wordings.js';
import { REFUSAL_REASONS, roundedRatio } from './refusal-reasons.js';
import { refusal, REFUSAL_WORDINGS } from './refusal.js';
import { freeText, wordedStatus, type Wording } from './wording.js';

const RUNS = 300;
const random = seededRandom(20);

const integer = (below: number): number => Math.floor(random.next() * below);
const pick = <Item>(items: readonly Item[]): Item => items[integer(items.length)] as Item;
const maybe = <Value extends object>(value: Value): Value | Record<string, never> => (random.next() < 0.5 ? value : {});
const number = (): number => pick([0, 1, integer(100), integer(1e6), 67_108_864, random.next() * 50, 1e21]);

/** Foreign texts that may look like those of grpc-manifold. */
const text = (): string =>
  Array.from({ length: integer(12) }, () =>
    pick([
      'connect ECONNREFUSED 127.0.0.1:443',
      '; 3 calls in flight, 0 queued',
      '; never sent',
      ', on connection 9',
      ': ',
      'Connection 7 was given up: ',
      'Refused before it was sent, queue-full: 5 calls wait (maxQueuedCalls 5)',
      '\n',
      'näher',
      "' wait and 3 are in flight",
      ' is open, it opened at 3.0 % failed',
      'x'.repeat(400),
    ]),
  ).join(pick(['', ' ']));

const TAGS: readonly TransportFaultTag[] = [
  'dropped',
  'reset',
  'goaway',
  'too-many-pings',
  'connect-failed',
  'stalled',
];

const queueFacts = (): CallExplanation => ({
  queueWaitMs: integer(3) * integer(40_000),
  inFlightCalls: integer(1_000),
  queuedCalls: integer(1_000),
});
const fault = (): CallExplanation => ({ fault: { tag: pick(TAGS), detail: text() } });
const callFacts = (): CallExplanation => {
  const channelId = 1 + integer(90);
  return { queueWaitMs: integer(2) * integer(9_000), channelId, ...maybe({ retriedOn: channelId }), ...maybe(fault()) };
};

/** Each wording with sample facts, and the explanation that must be parsed from it. */
function cases(): readonly (readonly [string, () => readonly [Wording<never>, object, CallExplanation]])[] {
  const made = <Said extends object>(
    wording: Wording<Said>,
    said: Said,
    explanation: CallExplanation,
  ): readonly [Wording<never>, object, CallExplanation] => [wording, said, explanation];
  return [
    [
      'queue-full',
      () => {
        const limit = number();
        return made(
          REFUSAL_WORDINGS['queue-full'],
          { queuedCalls: integer(9), limit },
          { refusedBy: 'queue-full', limit, ...queueFacts() },
        );
      },
    ],
    [
      'queue-bytes',
      () => {
        const limit = number();
        return made(
          REFUSAL_WORDINGS['queue-bytes'],
          { queuedBytes: 5, limit },
          { refusedBy: 'queue-bytes', limit, ...queueFacts() },
        );
      },
    ],
    [
      'queue-time',
      () => {
        const [limit, waitedMs] = [number(), integer(40_000)];
        const explanation = { refusedBy: 'queue-time', limit, ...queueFacts(), queueWaitMs: waitedMs } as const;
        return made(REFUSAL_WORDINGS['queue-time'], { waitedMs, limit }, explanation);
      },
    ],
    [
      'share',
      () => {
        const limit = integer(900);
        const said = { key: text(), queuedCalls: 4, inFlightCalls: 2, maxQueuedCalls: number(), limit };
        return made(REFUSAL_WORDINGS.share, said, { refusedBy: 'share', limit, ...queueFacts() });
      },
    ],
    [
      'early-drop',
      () => {
        const limit = integer(900);
        const explanation = { refusedBy: 'early-drop', limit, ...queueFacts() } as const;
        return made(REFUSAL_WORDINGS['early-drop'], { expectedMs: integer(9_000), remainingMs: limit }, explanation);
      },
    ],
    [
      'the end of what follows the queue',
      () => made(THREW_BELOW, { error: text() }, { queueWaitMs: integer(2) * integer(900) }),
    ],
    ['closed', () => made(REFUSAL_WORDINGS.closed, { reason: text() }, { refusedBy: 'closed', ...queueFacts() })],
    [
      'no-connection',
      () => {
        const error = text();
        const explanation = { refusedBy: 'no-connection', ...queueFacts(), lastConnectionError: error } as const;
        return made(
          REFUSAL_WORDINGS['no-connection'],
          { target: 'dns:///a.example:443', error },
          { ...explanation, ...maybe(fault()) },
        );
      },
    ],
    [
      'breaker',
      () => {
        const breaker = {
          key: pick(['/echo.Echo/Unary', 'a; b', ' is open', 'x'.repeat(100), '']),
          state: pick(['open', 'half-open'] as const),
          errorRatio: roundedRatio(random.next()),
          ...maybe({ slowRatio: roundedRatio(random.next()) }),
          ...maybe({ nextProbeMs: integer(60_000) }),
        };
        return made(REFUSAL_WORDINGS.breaker, breaker, { refusedBy: 'breaker', breaker });
      },
    ],
    ['a cancel', () => made(CANCELLED, { reason: text() }, { ...queueFacts(), channelId: 1 + integer(9) })],
    [
      'a connection that was given up',
      () => {
        const facts = callFacts();
        const explanation = { ...queueFacts(), ...facts };
        return made(GIVEN_UP, { channelId: facts.channelId as number, reason: text() }, explanation);
      },
    ],
    [
      'a connection that did not take the call',
      () => {
        const explanation = callFacts();
        return made(NOT_TAKEN, { channelId: explanation.channelId as number, error: text() }, explanation);
      },
    ],
    [
      'connections that did not process the call',
      () => {
        const explanation = { ...callFacts(), fault: { tag: pick(TAGS), detail: text() } };
        return made(NOT_PROCESSED, { connections: 1 + integer(10), fault: explanation.fault }, explanation);
      },
    ],
  ];
}

/** Removes foreign text. */
function withoutFreeText(read: CallExplanation | undefined): object {
  const { lastConnectionError: _words, fault: lost, ...rest } = read ?? {};
  return { ...rest, ...(lost === undefined ? {} : { fault: lost.tag }) };
}

/** The errors that libraries create from a status: they keep only its details. */
const WRAPPERS: readonly (readonly [string, (code: status, details: string) => unknown])[] = [
  ['the details themselves', (_code, details) => details],
  ['an object with details', (code, details) => ({ code, details })],
  [
    'the error of grpc-js, sent through JSON',
    (code, details) => JSON.parse(JSON.stringify({ code, details, message: `${code} ${status[code]}: ${details}` })),
  ],
  [
    'the ClientError of nice-grpc',
    (code, details) =>
      Object.assign(new Error(`/echo.Echo/Unary ${status[code]}: ${details}`), {
        name: 'ClientError',
        path: '/echo.Echo/Unary',
        code,
        details,
      }),
  ],
  [
    'the RpcError of protobuf-ts',
    (code, details) =>
      Object.assign(new Error(details), { name: 'RpcError', code: status[code], meta: {}, methodName: 'Unary' }),
  ],
  [
    'an error whose cause is one of these',
    (_code, details) => new Error('could not load', { cause: Object.assign(new Error(details), { name: 'RpcError' }) }),
  ],
];

const DEADLINES: readonly (() => CallExplanation)[] = [
  () => ({ waitedFor: 'stream', usedStreams: 3, streamCapacity: integer(900), limit: 100, limitedBy: 'server' }),
  () => ({ waitedFor: 'stream', usedStreams: 0, streamCapacity: 0, limit: 0, limitedBy: 'maxStreamsPerChannel' }),
  () => ({ waitedFor: 'sign-of-life', usedStreams: integer(9), streamCapacity: 100 }),
  () => ({ waitedFor: 'connection', ...maybe({ lastConnectionError: text() }) }),
  () => ({ waitedFor: 'credentials', channelId: 4, ...maybe({ retriedOn: 4 }) }),
  () => ({ waitedFor: 'slot', inFlightCalls: integer(90), limit: number() }),
  () => ({ channelId: 1 + integer(9) }),
];

describe('the words of a deadline', () => {
  it.each(WRAPPERS)('are read back from %s, free text aside', (_what, wrap) => {
    for (let run = 0; run < RUNS; run += 1) {
      const waited = integer(2) * integer(9_000);
      const explanation = {
        queueWaitMs: waited,
        ...maybe({ neverSent: true }),
        ...pick(DEADLINES)(),
      } as CallExplanation;
      const { code, details } = deadlineStatus(integer(1e5), explanation, 'unix:/run/a b.sock');
      const { from, ...facts } = explain(wrap(code, details)) ?? {};
      expect({ from, facts: withoutFreeText(facts), details }).toEqual({
        from: 'text',
        facts: withoutFreeText(explanation),
        details,
      });
    }
  });

  it('are parsed when the deadline passed before the call was sent', () => {
    const explanation: CallExplanation = { queueWaitMs: 0, neverSent: true };
    const { details } = deadlineStatus(0, explanation);
    expect(explain(details)).toEqual({ ...explanation, from: 'text' });
  });
});

describe.each(cases())('the words of %s', (_name, make) => {
  it.each(WRAPPERS)('are read back from %s, free text aside', (_what, wrap) => {
    for (let run = 0; run < RUNS; run += 1) {
      const [wording, said, explanation] = make();
      const { code, details } = wordedStatus(status.UNAVAILABLE, wording, said as never, explanation);
      const read = explain(wrap(code, details)) as CallExplanation;
      const { from, ...facts } = read;
      expect({ from, facts: withoutFreeText(facts), details }).toEqual({
        from: 'text',
        facts: withoutFreeText(explanation),
        details,
      });
    }
  });

  it('are short enough to be parsed completely', () => {
    for (let run = 0; run < RUNS; run += 1) {
      const [wording, said, explanation] = make();
      const { details } = wordedStatus(status.UNAVAILABLE, wording, said as never, explanation);
      expect(details.length).toBeLessThan(1_900);
    }
  });
});

describe('freeText', () => {
  it.each([
    ['plain words', 'connect ECONNREFUSED', 'connect ECONNREFUSED'],
    ['what could be taken for facts', 'lost; never sent', 'lost, never sent'],
    ['long words', 'x'.repeat(3_000), `${'x'.repeat(999)}…`],
  ])('leaves or shortens %s', (_what, given, left) => {
    expect(freeText(given)).toBe(left);
  });
});

describe('reading', () => {
  const DETAILS =
    'Refused before it was sent, queue-full: 5 calls wait (maxQueuedCalls 5); 40 calls in flight, 5 queued';
  const READ = {
    refusedBy: 'queue-full',
    limit: 5,
    queueWaitMs: 0,
    inFlightCalls: 40,
    queuedCalls: 5,
    from: 'text',
  };

  it.each([
    ['with words before and behind', `upstream said: 8 RESOURCE_EXHAUSTED: ${DETAILS} (request 7; tenant blue)`, READ],
    ['of the first of two sentences', `${DETAILS}. Connection 3 was given up: old`, READ],
    [
      'whose facts were cut off',
      DETAILS.slice(0, DETAILS.indexOf(';')),
      { ...READ, inFlightCalls: undefined, queuedCalls: undefined },
    ],
    ['behind 2,048 characters: nothing', ' '.repeat(2_048) + DETAILS, undefined],
    ['that are not ours', 'Deadline exceeded after 1.000s,remote_addr=127.0.0.1:80', undefined],
    ['that only begin like ours', 'Refused before it was sent, because', undefined],
  ])('takes words %s', (_what, given, expected) => {
    const read = explain(given);
    if (expected === undefined) expect(read).toBeUndefined();
    else expect({ ...READ, ...read }).toEqual({ ...READ, ...JSON.parse(JSON.stringify(expected)) });
  });

  it('prefers an explanation from this process, however deep the cause', () => {
    const made = wordedStatus(
      status.UNAVAILABLE,
      REFUSAL_WORDINGS.closed,
      { reason: 'over' },
      { refusedBy: 'closed', channelId: 4 },
    );
    const error = new Error(DETAILS, { cause: new Error('again', { cause: made }) });
    expect(explain(error)).toEqual({ refusedBy: 'closed', channelId: 4, from: 'object' });
  });

  it('ends for a cyclic and for a long chain of causes', () => {
    const loop: { cause?: unknown } = {};
    loop.cause = loop;
    expect(explain(loop)).toBeUndefined();
    let deep: unknown = { details: DETAILS };
    for (let cause = 0; cause < 10; cause += 1) deep = { cause: deep };
    expect(explain(deep)).toEqual(READ);
    expect(explain({ cause: deep })).toBeUndefined();
  });

  it('takes at most linear time for any text', () => {
    const parts = [
      '; 1 queued',
      ', 1 queued',
      'Refused before it was sent, breaker: the circuit of ',
      ' is open',
      "'",
      '9',
      '; ',
    ];
    for (const part of parts) {
      for (const opening of [
        '',
        'Refused before it was sent, closed: ',
        "Refused before it was sent, share: 1 calls of partition '",
      ]) {
        // A text of a hundred thousand characters is cut to 2,048 before it is parsed, so this ends at once or never.
        explain(opening + part.repeat(100_000 / part.length));
      }
    }
  });
});

describe('a refusal', () => {
  it.each([
    ['queue-full', status.RESOURCE_EXHAUSTED],
    ['queue-bytes', status.RESOURCE_EXHAUSTED],
    ['queue-time', status.RESOURCE_EXHAUSTED],
    ['share', status.RESOURCE_EXHAUSTED],
    ['early-drop', status.RESOURCE_EXHAUSTED],
    ['breaker', status.UNAVAILABLE],
    ['closed', status.UNAVAILABLE],
    ['no-connection', status.UNAVAILABLE],
  ] as const)('by %s has the status %s', (refusedBy, code) => {
    expect(REFUSAL_REASONS[refusedBy].code).toBe(code);
  });

  it('names its reason in its details, and is parsed with its facts', () => {
    const refused = refusal('queue-full', { queuedCalls: 5, limit: 5 }, { limit: 5, queueWaitMs: 0, queuedCalls: 5 });

    expect(refused).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      details: 'Refused before it was sent, queue-full: 5 calls wait (maxQueuedCalls 5); 5 queued',
    });
    const facts = { refusedBy: 'queue-full', limit: 5, queueWaitMs: 0, queuedCalls: 5 };
    expect(explain(refused)).toEqual({ ...facts, from: 'object' });
    expect(explain(refused.details)).toEqual({ ...facts, from: 'text' });
  });

  it('is tested above for every reason', () => {
    expect(cases().map(([name]) => name)).toEqual(expect.arrayContaining(Object.keys(REFUSAL_REASONS)));
  });
});
