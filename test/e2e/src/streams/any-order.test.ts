import { status } from '@grpc/grpc-js';
import type { ScopeOptions } from '@grpc-manifold/stream-scope';
import { type EchoRequest, type EchoServer, startEchoServer, timePasses } from '@grpc-manifold/testing';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CLIENT_KINDS, ScopedStage, STREAM_KINDS, type OpenedStream } from './scoped-stage.js';

let server: EchoServer;
/** What would have ended the process. */
const fatal: unknown[] = [];
const onFatal = (error: unknown): void => void fatal.push(error);

beforeAll(async () => {
  server = await startEchoServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
beforeEach(() => {
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', onFatal);
});
afterEach(() => {
  process.removeListener('uncaughtException', onFatal);
  process.removeListener('unhandledRejection', onFatal);
});

/** The call's state when it all begins. */
const STATES = ['fresh', 'reached', 'answered', 'half-closed', 'ended', 'failed'] as const;

/** What may be done to a stream, and what may go by meanwhile. Promises are let go on purpose. */
const STEPS: Readonly<Record<string, (opened: OpenedStream, abort: () => void) => unknown>> = {
  cancel: ({ stream }) => stream.cancel(),
  'cancel the call': ({ raw }) => raw.cancel(),
  abort: (_opened, abort) => abort(),
  dispose: ({ stream }) => stream[Symbol.dispose](),
  'dispose and let go': ({ stream }) => void stream[Symbol.asyncDispose](),
  'dispose and wait': ({ stream }) => stream[Symbol.asyncDispose](),
  destroy: ({ raw }) => raw.destroy(),
  'destroy with an error': ({ raw }) => raw.destroy(new Error('destroyed by a test')),
  write: ({ stream }) => void ('write' in stream && stream.write({})),
  finish: ({ stream }) => void ('finish' in stream && stream.finish()),
  read: (opened) => void readAll(opened).catch(() => undefined),
  'ask for a message': ({ stream }) => void (Symbol.asyncIterator in stream && stream[Symbol.asyncIterator]().next()),
  'read one and break': (opened) => void readOne(opened).catch(() => undefined),
  'a microtask': () => Promise.resolve(),
  'a turn': () => new Promise((resolve) => setImmediate(resolve)),
  'some turns': () => timePasses(2, 'both sides have some turns'),
};

async function readAll({ stream }: OpenedStream): Promise<void> {
  if (!(Symbol.asyncIterator in stream)) return;
  for await (const _message of stream);
}

async function readOne({ stream }: OpenedStream): Promise<void> {
  if (!(Symbol.asyncIterator in stream)) return;
  for await (const _message of stream) break;
}

async function bring(stage: ScopedStage, opened: OpenedStream, state: (typeof STATES)[number]): Promise<void> {
  const { stream } = opened;
  if (state === 'reached') {
    await server.waitFor((now) => now.startedCalls > stage.before.startedCalls);
  } else if (state === 'answered' && Symbol.asyncIterator in stream) {
    await stream[Symbol.asyncIterator]().next();
  } else if (state === 'half-closed' && 'finish' in stream) {
    void stream.finish();
  } else if (state === 'ended') {
    if ('finish' in stream) void stream.finish();
    await readAll(opened);
    await stream.status;
  } else if (state === 'failed') {
    await stream.status;
  }
}

const REQUESTS: Readonly<Record<(typeof STATES)[number], EchoRequest>> = {
  fresh: { hang: true, responseCount: 3 },
  reached: { hang: true, responseCount: 30 },
  answered: { hang: true, responseCount: 3 },
  'half-closed': { delayMs: 1, responseCount: 3 },
  ended: { responseCount: 3 },
  failed: { statusCode: status.ABORTED, responseCount: 3 },
};

const plan = fc.record({
  kind: fc.constantFrom(...STREAM_KINDS),
  state: fc.constantFrom(...STATES),
  onDispose: fc.constantFrom('cancel', 'drain'),
  drainTimeoutMs: fc.constantFrom(0, 5),
  /** Each step is taken twice in a row, when it says so. */
  steps: fc.array(fc.tuple(fc.constantFrom(...Object.keys(STEPS)), fc.boolean()), {
    minLength: 1,
    maxLength: 10,
    size: 'max',
  }),
});

describe.each(CLIENT_KINDS)('a stream of a %s', (client) => {
  it(
    'comes to one status and harms nobody, whatever is done to it in whatever order',
    { timeout: 120_000 },
    async () => {
      await using stage = await ScopedStage.open(server, client);
      let statuses = 0;
      let streams = 0;
      await fc.assert(
        fc.asyncProperty(plan, async ({ kind, state, steps, onDispose, drainTimeoutMs }) => {
          const controller = new AbortController();
          const { signal } = controller;
          const options: ScopeOptions = { signal, onDispose: onDispose, drainTimeoutMs };
          const opened = stage.start(kind, REQUESTS[state], options);
          streams += 1;
          let ownStatuses = 0;
          opened.raw.on('status', () => {
            ownStatuses += 1;
            statuses += 1;
          });
          await bring(stage, opened, state);
          for (const [name, twice] of steps) {
            const step = STEPS[name] as (typeof STEPS)[string];
            await step(opened, () => controller.abort());
            if (twice) await step(opened, () => controller.abort());
          }
          await opened.stream[Symbol.asyncDispose]();
          await opened.stream.status;
          await opened.stream.headers;
          await new Promise((resolve) => setImmediate(resolve));
          expect(ownStatuses).toBe(1);
          expect(fatal.splice(0)).toEqual([]);
        }),
        { numRuns: 300, seed: 20_261_121 },
      );
      await stage.left();
      expect(statuses).toBe(streams);
    },
  );
});
