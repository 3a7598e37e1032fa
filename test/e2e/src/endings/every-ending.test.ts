import { status } from '@grpc/grpc-js';
import { startEchoServer, type EchoServer } from '@grpc-manifold/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ANSWERED } from './answered-endings.js';
import { BROKEN } from './broken-endings.js';
import { KINDS } from './call-kind.js';
import { CANCELLED } from './cancelled-endings.js';
import { WITH_THE_POOL } from './pool-endings.js';
import { Stage } from './stage.js';
import { TIMED_OUT } from './waiting-endings.js';

let server: EchoServer;
let stage: Stage | undefined;

beforeAll(async () => {
  server = await startEchoServer();
});

// Also after a test that ran out of time.
afterEach(async () => {
  await stage?.[Symbol.asyncDispose]();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const ENDINGS = [...ANSWERED, ...CANCELLED, ...TIMED_OUT, ...WITH_THE_POOL, ...BROKEN];

describe.each(ENDINGS)('$name', ({ pool, code, details, closesPool, act }) => {
  it.each(KINDS)('ends a %s call once and leaves nothing behind', async (kind) => {
    stage = await Stage.open(server, pool);
    const call = await act(stage, kind);
    const outcome = await call.outcome;
    expect([status[outcome.code], outcome.details]).toEqual([
      status[code],
      details === undefined ? outcome.details : expect.stringMatching(details),
    ]);
    await stage.settled();
    if (closesPool !== true) {
      const next = stage.begin(kind);
      expect((await next.outcome).code).toBe(status.OK);
      await stage.settled();
      next.expectOneOutcome();
    }
    await stage.close();
    call.expectOneOutcome();
  });
});
