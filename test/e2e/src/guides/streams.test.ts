import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import {
  leakCheck,
  loadEchoPackage,
  startEchoServer,
  type EchoClient as Echo,
  type EchoRequest,
  type EchoResponse,
  type EchoServer,
} from '@grpc-manifold/testing';
import { openStreams, scoped, scopedUpload, StreamScope, watchStreams } from 'grpc-manifold';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { examplesOf, regionsOf } from './guide-example.js';

const { EchoClient } = loadEchoPackage();
const payload = Buffer.from('hello');
let server: EchoServer;
let client: Echo;
let leaks: ReturnType<typeof leakCheck>;

beforeAll(async () => {
  server = await startEchoServer();
});

beforeEach(async () => {
  leaks = leakCheck({ emitters: { process } });
  client = new EchoClient(server.target, credentials.createInsecure());
  // grpc-js leaves the socket open of a client that is closed while it connects.
  await promisify(client.waitForReady.bind(client))(Infinity);
});

afterEach(async () => {
  await server.waitFor(({ openCalls }) => openCalls === 0);
  client.close();
  expect(openStreams()).toEqual([]);
  await leaks.expectNothingLeft();
});

afterAll(() => server[Symbol.asyncDispose]());

it('shows what is tested here', () => {
  expect(examplesOf('streams.md')).toEqual(regionsOf('./streams.test.ts'));
});

describe('the guide to streams', () => {
  it('leaves a loop', async () => {
    {
      // #region
      using stories = scoped(client.serverStream({ payload, responseCount: 1_000 }));
      for await (const { sequence } of stories) {
        if (sequence === 9) break; // the RPC is cancelled here
      }
      // #endregion
      expect(openStreams()).toEqual([]);
    }
  });

  it('writes, and reads what is left', async () => {
    const heard: string[] = [];
    {
      // #region
      await using chat = scoped(client.bidi(), { onDispose: 'drain' });
      for (const text of ['hello', 'is anybody there?']) {
        await chat.write({ payload: Buffer.from(text) });
      }
      await chat.finish(); // half-closes; what the server has to say can still be read
      for await (const { payload } of chat) heard.push(payload.toString());
      // #endregion
    }
    expect(heard).toEqual(['hello', 'is anybody there?']);
  });

  it('uploads', async () => {
    const pieces = [Buffer.alloc(1_000), Buffer.alloc(500)];
    // #region
    using upload = scopedUpload<EchoRequest, EchoResponse>((callback) => client.clientStream(callback));
    for (const piece of pieces) await upload.write({ payload: piece });
    const { receivedBytes } = await upload.finish();
    // #endregion
    expect(receivedBytes).toBe(1_500);
  });

  it('bounds a life', async () => {
    const request = new AbortController();
    // #region
    const stories = scoped(client.serverStream({ payload, hang: true }), {
      signal: request.signal, // one signal may end any number of streams, with one listener
      idleTimeoutMs: 60_000, // none written and none taken for so long: longer than you take over one
      maxLifetimeMs: 3_600_000, // whatever it does: so that streams move to other backends now and then
    });
    // #endregion
    request.abort();
    expect((await stories.status).details).toContain('its signal was aborted');
  });

  it('gives many streams one life', async () => {
    {
      // #region
      await using scope = new StreamScope({ maxOpenStreams: 10, idleTimeoutMs: 60_000 });
      const stories = scope.add(client.serverStream({ payload, hang: true }));
      const chat = scope.add(client.bidi());
      await chat.write({ payload });
      // #endregion
      expect(scope.openStreams).toHaveLength(2);
      void stories;
    }
    expect(openStreams()).toEqual([]);
  });

  it('tells what is open', async () => {
    const reports: string[] = [];
    const report = (what: string): unknown => reports.push(what);
    using stories = scoped(client.serverStream({ payload, hang: true }), { captureStack: true });
    {
      // #region
      for (const { method, ageMs, receivedMessages, openedAt } of openStreams()) {
        report(`${method}, ${receivedMessages} messages in ${Math.round(ageMs)} ms, opened at ${openedAt ?? '?'}`);
      }
      using watch = watchStreams({
        maxOpenStreams: 1_000,
        maxAgeMs: 3_600_000,
        onAlarm: ({ reason, stream, open }) => report(`${reason}: ${stream?.method ?? ''} (${open} open)`),
      });
      // #endregion
      void watch;
    }
    stories.cancel();
    await stories.status;
    expect(reports).toEqual([
      expect.stringMatching(
        /^\/manifold\.testing\.v1\.Echo\/ServerStream, 0 messages in \d+ ms, opened at .*streams\.test\.ts/,
      ),
    ]);
  });
});
