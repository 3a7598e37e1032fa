import type { Readable } from 'node:stream';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { status } from '@grpc/grpc-js';
import { StreamScope, type ScopeOptions } from '@grpc-manifold/stream-scope';
import type { EchoRequest } from '@grpc-manifold/testing';
import { expect } from 'vitest';
import type { OpenedStream, ScopedStage, StreamKind } from './scoped-stage.js';

/** A way out of a stream. */
export interface Road {
  readonly name: string;
  readonly kinds?: readonly StreamKind[];
  /** What the server sees of it; 'unseen' where it never hears of the call. Default 'a cancel'. */
  readonly server?: 'a cancel' | 'its own end' | 'unseen';
  walk(stage: ScopedStage, kind: StreamKind): Promise<void>;
}

/** It is read from, and then nothing more comes. */
const HANGS: EchoRequest = { hang: true, responseCount: 3 };
const READ: readonly StreamKind[] = ['server-stream', 'bidi'];
const WRITTEN: readonly StreamKind[] = ['client-stream', 'bidi'];

function messagesOf({ stream }: OpenedStream): AsyncIterable<unknown> {
  if (Symbol.asyncIterator in stream) return stream;
  throw new Error('it is not read');
}

async function finish({ stream }: OpenedStream): Promise<void> {
  if ('finish' in stream) await stream.finish();
}

async function readAll(opened: OpenedStream): Promise<number> {
  let messages = 0;
  for await (const _message of messagesOf(opened)) messages += 1;
  return messages;
}

async function cancelled({ stream }: OpenedStream, why = ''): Promise<void> {
  expect(await stream.status).toMatchObject({ code: status.CANCELLED, details: expect.stringContaining(why) });
}

/** Opens a stream whose limits hold from when the server has it, however long that takes. */
async function reachInTime(stage: ScopedStage, kind: StreamKind, options: ScopeOptions): Promise<OpenedStream> {
  stage.clock.hold();
  const opened = await stage.reach(kind, HANGS, options);
  stage.clock.release();
  return opened;
}

async function readOneAndReturn(opened: OpenedStream): Promise<unknown> {
  for await (const message of messagesOf(opened)) return message;
  throw new Error('no message came');
}

/** Takes one message, then breaks. */
function brokenSink(): Writable {
  return new Writable({ objectMode: true, write: (_message, _encoding, done) => done(new Error('disk full')) });
}

/** Gives requests, then breaks. */
async function* brokenSource(): AsyncGenerator<EchoRequest> {
  yield {};
  throw new Error('file gone');
}

export const ROADS: readonly Road[] = [
  {
    name: 'break',
    kinds: READ,
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      for await (const _message of messagesOf(opened)) break;
      await cancelled(opened, 'reader left');
    },
  },
  {
    name: 'return out of the loop',
    kinds: READ,
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      await readOneAndReturn(opened);
      await cancelled(opened, 'reader left');
    },
  },
  {
    name: 'throw out of the loop',
    kinds: READ,
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      const loop = async (): Promise<void> => {
        for await (const _message of messagesOf(opened)) throw new Error('cannot parse');
      };
      await expect(loop()).rejects.toThrow('cannot parse');
      await cancelled(opened);
    },
  },
  {
    name: 'using',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      {
        using stream = opened.stream;
        void stream;
      }
      await cancelled(opened, 'disposed of');
    },
  },
  {
    name: 'using, with an error under way',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      const work = (): void => {
        using stream = opened.stream;
        void stream;
        throw new Error('work failed');
      };
      expect(work).toThrow('work failed');
      await cancelled(opened);
    },
  },
  {
    name: 'await using',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      {
        await using stream = opened.stream;
        void stream;
      }
      await cancelled(opened, 'disposed of');
    },
  },
  {
    name: 'await using, drained',
    server: 'its own end',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, { delayMs: 50, responseCount: 40 }, { onDispose: 'drain' });
      {
        await using stream = opened.stream;
        void stream;
      }
      expect((await opened.stream.status).code).toBe(status.OK);
    },
  },
  {
    name: 'await using, not to be drained in time',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS, { onDispose: 'drain', drainTimeoutMs: 20 });
      {
        await using stream = opened.stream;
        void stream;
      }
      await cancelled(opened, '20 ms');
    },
  },
  {
    name: 'await using, with more to drain than may be',
    kinds: READ,
    async walk(stage, kind) {
      const request = { hang: true, responseCount: 100 };
      const opened = await stage.reach(kind, request, { onDispose: 'drain', maxDrainMessages: 20 });
      {
        await using stream = opened.stream;
        void stream;
      }
      await cancelled(opened, '20 messages');
    },
  },
  {
    name: 'abort',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      stage.controller.abort();
      await cancelled(opened, 'aborted');
    },
  },
  {
    name: 'abort inside the loop',
    kinds: READ,
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      const reading = readAll(opened);
      stage.controller.abort();
      await expect(reading).rejects.toMatchObject({ name: 'AbortError' });
    },
  },
  {
    name: 'a signal that is aborted already',
    server: 'unseen',
    async walk(stage, kind) {
      await cancelled(stage.start(kind, HANGS, { signal: AbortSignal.abort() }), 'aborted');
    },
  },
  {
    name: 'destroy()',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      opened.raw.destroy();
      await cancelled(opened);
    },
  },
  {
    name: 'destroy(error)',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      opened.raw.destroy(new Error('no more'));
      await cancelled(opened);
    },
  },
  {
    name: 'a pipeline out of the call that fails',
    kinds: READ,
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      await expect(pipeline(opened.raw as unknown as Readable, brokenSink())).rejects.toThrow('disk full');
      await cancelled(opened);
    },
  },
  {
    name: 'a pipeline out of the scoped stream that fails',
    kinds: READ,
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      await expect(pipeline(messagesOf(opened), brokenSink())).rejects.toThrow('disk full');
      await cancelled(opened);
    },
  },
  {
    name: 'a pipeline into the call that fails',
    kinds: WRITTEN,
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      await expect(pipeline(brokenSource(), opened.raw as unknown as Writable)).rejects.toThrow('file gone');
      await cancelled(opened);
    },
  },
  {
    name: 'cancel()',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      opened.stream.cancel('had enough');
      opened.stream.cancel();
      await cancelled(opened, 'had enough');
    },
  },
  {
    name: 'cancel() of the call',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      opened.raw.cancel();
      await cancelled(opened, 'Cancelled on client');
    },
  },
  {
    name: 'cancel() while a half-closed call is waited for',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      const finished = finish(opened).catch(() => undefined);
      await new Promise((resolve) => setImmediate(resolve));
      opened.stream.cancel();
      await finished;
      await cancelled(opened);
    },
  },
  {
    name: 'idleTimeoutMs',
    async walk(stage, kind) {
      await cancelled(await reachInTime(stage, kind, { idleTimeoutMs: 150 }), 'idleTimeoutMs');
    },
  },
  {
    name: 'maxLifetimeMs',
    async walk(stage, kind) {
      await cancelled(await reachInTime(stage, kind, { maxLifetimeMs: 150 }), 'maxLifetimeMs');
    },
  },
  {
    name: 'disposal of a StreamScope',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      {
        using scope = new StreamScope();
        scope.add(opened.stream);
      }
      await cancelled(opened, 'disposed of');
    },
  },
  {
    name: 'disposal of a StreamScope around that of the stream',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      {
        await using outer = new StreamScope();
        const scope = outer.add(new StreamScope());
        scope.add(opened.stream);
      }
      await cancelled(opened, 'disposed of');
    },
  },
  {
    name: 'the signal of a StreamScope',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      const controller = new AbortController();
      using scope = new StreamScope({ signal: controller.signal });
      scope.add(opened.stream);
      controller.abort();
      await cancelled(opened, 'aborted');
    },
  },
  {
    name: 'a StreamScope that is full',
    async walk(stage, kind) {
      const opened = await stage.reach(kind, HANGS);
      const second = await stage.reach(kind, HANGS);
      using scope = new StreamScope({ maxOpenStreams: 1 });
      scope.add(second.stream);
      expect(() => scope.add(opened.stream)).toThrow(RangeError);
      await cancelled(opened, 'disposed of');
    },
  },
  {
    name: 'reading to the end',
    server: 'its own end',
    async walk(stage, kind) {
      const opened = stage.start(kind, { responseCount: 50 });
      await finish(opened);
      if (kind !== 'client-stream') expect(await readAll(opened)).toBe(50);
      expect((await opened.stream.status).code).toBe(status.OK);
      opened.stream[Symbol.dispose]();
    },
  },
  {
    name: 'an error of the server',
    server: 'its own end',
    async walk(stage, kind) {
      const opened = stage.start(kind, { responseCount: 3, statusCode: status.ABORTED, statusDetails: 'oh' });
      const end = kind === 'client-stream' ? finish(opened) : readAll(opened);
      await expect(end).rejects.toMatchObject({ code: status.ABORTED, details: 'oh' });
      expect((await opened.stream.status).code).toBe(status.ABORTED);
      await opened.stream[Symbol.asyncDispose]();
    },
  },
];
