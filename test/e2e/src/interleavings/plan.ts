import { status } from '@grpc/grpc-js';
import { PICKER_NAMES } from '@grpc-manifold/channel-pool/internal';
import fc from 'fast-check';
import { KINDS } from '../endings/call-kind.js';

/**
 * NO_ERROR, INTERNAL_ERROR, CANCEL and ENHANCE_YOUR_CALM (RFC 9113, section 7); REFUSED_STREAM has a step of its own.
 */
const RESET_CODES = [0, 2, 8, 11] as const;
const REFUSED_STREAM = 7;

/** Picks one of as many as there are when the step is carried out. */
const which = fc.nat(1_000);
/** SETTINGS_MAX_CONCURRENT_STREAMS. */
const limit = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 4 }) },
  { weight: 1, arbitrary: fc.constant(0) },
);

const bounds = fc
  .record({
    minChannels: fc.nat(2),
    moreChannels: fc.nat(2),
    maxStreamsPerChannel: fc.integer({ min: 1, max: 4 }),
    maxQueuedCalls: fc.nat(6),
  })
  .map(({ minChannels, moreChannels, ...others }) => ({
    minChannels,
    maxChannels: Math.max(minChannels + moreChannels, 1),
    ...others,
  }));

const action = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.record({
      kind: fc.constant('start' as const),
      rpc: fc.constantFrom(...KINDS),
      deadlineInMs: fc.oneof({ weight: 3, arbitrary: fc.constant(Infinity) }, { weight: 1, arbitrary: fc.nat(200) }),
      waitForReady: fc.boolean(),
      halfClose: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel before start' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('client writes' as const), which, last: fc.boolean() }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('server ends' as const),
      which,
      code: fc.constantFrom(status.OK, status.OK, status.INTERNAL, status.UNAVAILABLE),
      messages: fc.nat(2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('server sends' as const), which }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('server resets' as const), which, code: fc.constantFrom(...RESET_CODES) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('server resets' as const),
      which,
      code: fc.constant(REFUSED_STREAM),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('drop' as const),
      which,
      how: fc.constantFrom('reset', 'end', 'destroy'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('goaway' as const),
      which,
      code: fc.constantFrom(0, 0, 0, 2, 11),
      /** Of the streams that are open, the oldest so many were taken up. */
      taken: fc.nat(4),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('limit' as const), which, limit }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('limit of new ones' as const), limit }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hold new ones' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('let in' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('update' as const), bounds }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('advance' as const),
      // Never so long that a connection which had no chance to speak could be taken for a silent one.
      ms: fc.nat(300),
      /** Whether an attempt to connect may run out of time before the peer had a chance to accept it. */
      overtakesTheWire: fc.constantFrom(false, false, false, false, true),
    }),
  },
);

/** What happens, and what is waited for before the next thing does. The first is the simplest to look into. */
const step = fc.record({ action, then: fc.constantFrom('rest', 'a turn', 'nothing') });

/** Everything that is done to one pool. */
export const plan = fc.record({
  bounds,
  maxDrainingChannels: fc.integer({ min: 1, max: 3 }),
  maxQueueTimeMs: fc.constantFrom(Infinity, 50, 400),
  growAtRatio: fc.constantFrom(1, 0.5, 0.01),
  shrinkAfterMs: fc.constantFrom(Infinity, 300, 20),
  picker: fc.constantFrom(...PICKER_NAMES),
  onDispose: fc.constantFrom('drain', 'cancel'),
  limit,
  // Without a size fast-check makes ten at the most.
  steps: fc.array(step, { maxLength: 50, size: 'max' }),
  end: fc.constantFrom('drain', 'destroy', 'close', 'dispose'),
  after: fc.array(step, { maxLength: 6, size: 'max' }),
});

/** One of these. */
export type Plan = typeof plan extends fc.Arbitrary<infer Value> ? Value : never;
/** One thing that happens. */
export type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;
/** An action of one kind. */
export type ActionOf<Kind extends Action['kind']> = Extract<Action, { kind: Kind }>;
