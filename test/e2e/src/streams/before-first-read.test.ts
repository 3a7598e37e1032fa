import { StreamScope } from '@grpc-manifold/stream-scope';
import { eventually, startEchoServer } from '@grpc-manifold/testing';
import { expect, it } from 'vitest';
import { CLIENT_KINDS, ScopedStage } from './scoped-stage.js';

/** The `highWaterMark` of a stream of objects. */
const BUFFERED_MESSAGES = 16;

it.each(CLIENT_KINDS)('bounds what flows in before the first message is read: %s', async (client) => {
  await using server = await startEchoServer();
  await using stage = await ScopedStage.open(server, client);
  using scope = new StreamScope();
  const call = stage.client.serverStream({ responseCount: 50_000, responseBytes: 100 });
  const stream = scope.add(call);
  await eventually(() => expect(call.readableLength).toBe(BUFFERED_MESSAGES));
  // The server goes on for as long as anybody takes what it sends.
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(call.readableLength).toBe(BUFFERED_MESSAGES);
  let messages = 0;
  for await (const _message of stream) messages += 1;
  expect(messages).toBe(50_000);
  expect(scope.openStreams).toEqual([]);
});
