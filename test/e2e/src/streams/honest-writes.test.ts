import { createServer, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { credentials } from '@grpc/grpc-js';
import { scoped } from '@grpc-manifold/stream-scope';
import { type EchoClient, loadEchoPackage, timePasses } from '@grpc-manifold/testing';
import { createPooledClient } from 'grpc-manifold';
import { describe, expect, it } from 'vitest';

const KIB = 1024;
const PAYLOAD = Buffer.alloc(KIB - 12);

/** A server that takes calls, and never reads what they send. */
async function startDeafServer(windowBytes: number) {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer({ settings: { initialWindowSize: windowBytes } });
  server.on('session', (session) => {
    session.setLocalWindowSize(windowBytes);
    sessions.add(session);
  });
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    target: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function openClient(kind: string, target: string): EchoClient {
  const { EchoClient } = loadEchoPackage();
  if (kind === 'pooled client') return createPooledClient(EchoClient, target, credentials.createInsecure());
  return new EchoClient(target, credentials.createInsecure(), { 'grpc.per_rpc_retry_buffer_size': 64 * KIB });
}

/** Writes, awaiting each write, until none is acknowledged any more. Bytes of the messages that were. */
async function acknowledgedBytes(client: EchoClient): Promise<number> {
  let acknowledged = 0;
  using stream = scoped(client.bidi());
  const writing = (async () => {
    for (;;) {
      await stream.write({ payload: PAYLOAD });
      acknowledged += PAYLOAD.length;
    }
  })();
  writing.catch(() => undefined);
  await stream.headers;
  for (let before = -1; before !== acknowledged;) {
    before = acknowledged;
    await timePasses(300, 'more would be acknowledged by now');
  }
  stream.cancel('seen enough');
  await expect(writing).rejects.toThrow('seen enough');
  return acknowledged;
}

describe.each(['plain client', 'pooled client'])('write() of a %s', (kind) => {
  it.each([64 * KIB - 1, 4 * KIB * KIB])('acknowledges at most 64 KiB beyond a window of %i', async (windowBytes) => {
    await using server = await startDeafServer(windowBytes);
    const client = openClient(kind, server.target);
    const acknowledged = await acknowledgedBytes(client);
    client.close();
    if (process.env['MANIFOLD_SHOW'] !== undefined) {
      console.log(`${kind}, window ${windowBytes}: ${acknowledged - windowBytes} bytes beyond it`);
    }
    expect(acknowledged).toBeGreaterThan(windowBytes / 2);
    expect(acknowledged - windowBytes).toBeLessThanOrEqual(64 * KIB);
  });
});
