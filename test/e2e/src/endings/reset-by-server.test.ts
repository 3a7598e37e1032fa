import { status } from '@grpc/grpc-js';
import { startScriptedPeer, type ScriptedPeer } from '@grpc-manifold/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { KINDS } from './call-kind.js';
import { Stage } from './stage.js';

let peer: ScriptedPeer | undefined;
let stage: Stage | undefined;

afterEach(async () => {
  await stage?.[Symbol.asyncDispose]();
  await peer?.[Symbol.asyncDispose]();
});

const EMPTY = { messages: [Buffer.alloc(0)] };

/** A peer that resets its first stream and answers the others. */
async function openOnResettingPeer(code: number, whenAnswered: boolean): Promise<Stage> {
  peer = await startScriptedPeer({
    onRequestEnd(connection, streamId) {
      if (connection.headersReceived > 1) {
        connection.respond(streamId, EMPTY);
        return;
      }
      if (whenAnswered) connection.respondPartly(streamId, EMPTY);
      connection.sendRst(streamId, code);
    },
  });
  return Stage.open(peer);
}

/** Error codes of RFC 9113, section 7, and what gRPC over HTTP/2 makes of them. */
const RESETS = [
  { name: 'INTERNAL_ERROR', code: 2, told: status.INTERNAL },
  { name: 'REFUSED_STREAM', code: 7, told: status.UNAVAILABLE, retried: true },
  { name: 'CANCEL', code: 8, told: status.CANCELLED },
  { name: 'ENHANCE_YOUR_CALM', code: 11, told: status.RESOURCE_EXHAUSTED },
];

describe.each(RESETS)('a stream that the server resets with $name', ({ code, told, retried }) => {
  describe.each([
    { when: 'before it answered', answered: false },
    { when: 'in the middle of its answer', answered: true },
  ])('$when', ({ answered }) => {
    it.each(KINDS)('ends a %s call once and leaves nothing behind', async (kind) => {
      stage = await openOnResettingPeer(code, answered);
      const call = stage.begin(kind);
      const outcome = await call.outcome;
      // Nothing of it was processed: grpc-js itself sends it once more, on the stream that we have counted.
      const expected = retried === true && !answered ? status.OK : told;
      expect(status[outcome.code]).toBe(status[expected]);
      await stage.settled();
      const next = stage.begin(kind);
      expect((await next.outcome).code).toBe(status.OK);
      await stage.settled();
      expect(stage.proxy.acceptedConnections).toBe(1);
      await stage.close();
      call.expectOneOutcome();
      next.expectOneOutcome();
    });
  });
});
