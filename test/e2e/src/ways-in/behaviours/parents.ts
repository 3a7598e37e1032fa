import { credentials, propagate, status } from '@grpc/grpc-js';
import { expect } from 'vitest';
import { loadEchoPackage } from '@grpc-manifold/testing';
import type { Behaviour, Stage } from '../behaviour.js';
import { startMiddleTier, type IncomingCall } from '../../calls/middle-tier.js';
import { RecordedEvents } from '../recorded-events.js';
import { bothSides } from './raw-calls.js';

/** A call that comes in with a deadline, and one that goes out for its sake to a server that never answers. */
async function callForParent(stage: Stage, flags: number | undefined, cancelParent: boolean): Promise<unknown> {
  stage.raw.script(() => undefined);
  const client = stage.open();
  const recorded = new RecordedEvents();
  const cameIn = withResolvers<IncomingCall>();
  await using tier = await startMiddleTier((call, answer) => {
    const propagateFlags = flags === undefined ? {} : { propagate_flags: flags };
    recorded
      .on(client.unary({}, { parent: call, ...propagateFlags }, recorded.callback))
      .on('status', () => answer(null, {}));
    cameIn.resolve(call);
  });
  const { EchoClient } = loadEchoPackage();
  const outside = new EchoClient(tier.target, credentials.createInsecure());
  try {
    const incoming = outside.unary({}, { deadline: Date.now() + 60_000 }, () => undefined);
    await cameIn.promise;
    await stage.raw.waitFor(([first]) => first?.isHalfClosed === true);
    const hasTimeout = stage.raw.calls[0]?.headers.some(([name]) => name === 'grpc-timeout');
    if (cancelParent) {
      incoming.cancel();
    } else {
      stage.raw.calls[0]?.answer({ data: [Buffer.alloc(5)] });
    }
    return { hasTimeout, ...(await bothSides(stage, recorded)) };
  } finally {
    outside.close();
  }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

export const parentBehaviours: readonly Behaviour[] = [
  {
    name: "a parent's deadline, handed on",
    run: (stage) => callForParent(stage, undefined, false),
    shows: { hasTimeout: true, client: expect.arrayContaining([['callback', null, expect.anything()]]) },
  },
  {
    name: "a parent's cancel, handed on",
    run: (stage) => callForParent(stage, undefined, true),
    shows: {
      client: expect.arrayContaining([['callback', expect.objectContaining({ code: status.CANCELLED }), undefined]]),
    },
  },
  {
    name: "a parent's deadline, kept back by the flags of the call",
    run: (stage) => callForParent(stage, propagate.CANCELLATION, false),
    shows: { hasTimeout: false },
  },
  {
    name: "a parent's cancel, with a flag for it alone",
    run: (stage) => callForParent(stage, propagate.CANCELLATION, true),
    shows: {
      hasTimeout: false,
      client: expect.arrayContaining([['callback', expect.objectContaining({ code: status.CANCELLED }), undefined]]),
    },
  },
];
