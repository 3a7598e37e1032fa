import { startEchoServer, type EchoServer } from '@grpc-manifold/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROADS } from './roads.js';
import { CLIENT_KINDS, ScopedStage, STREAM_KINDS } from './scoped-stage.js';

let server: EchoServer;
/** What would have ended the process. */
const fatal: unknown[] = [];
const onFatal = (error: unknown): void => void fatal.push(error);

beforeAll(async () => {
  server = await startEchoServer();
  process.on('unhandledRejection', onFatal);
});

afterAll(async () => {
  process.removeListener('unhandledRejection', onFatal);
  expect(fatal).toEqual([]);
  await server[Symbol.asyncDispose]();
});

describe.each(CLIENT_KINDS)('a stream of a %s', (client) => {
  for (const road of ROADS) {
    it.each(road.kinds ?? STREAM_KINDS)(`ends once, and leaves nothing, by ${road.name}: %s`, async (kind) => {
      await using stage = await ScopedStage.open(server, client);
      await road.walk(stage, kind);
      const { started, cancelled } = await stage.left();
      if (road.server === 'unseen') expect(cancelled).toBe(started);
      else expect([started >= 1, cancelled]).toEqual([true, road.server === 'its own end' ? 0 : started]);
    });
  }
});
