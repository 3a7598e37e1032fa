import { credentials, Metadata, status, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EchoServer } from './echo-server.js';
import { loadEchoPackage, type EchoClient, type EchoRequest, type EchoResponse } from './echo-service.js';
import { giveUpWaits } from '../clock/open-wait.js';
import { chosenPeer, peerSupports } from '../peers/peer.js';
import { startEchoServer } from './start-echo-server.js';

const { EchoClient: Client } = loadEchoPackage();

function unary(client: EchoClient, request: EchoRequest, metadata = new Metadata()): Promise<EchoResponse> {
  return new Promise((resolve, reject) => {
    client.unary(request, metadata, (error, response) => (error ? reject(error) : resolve(response as EchoResponse)));
  });
}

/** Everything that a stream gives: its messages, then its status; and whether initial metadata came at all. */
async function drain(call: ReturnType<EchoClient['serverStream']>) {
  const messages: EchoResponse[] = [];
  let headers: Metadata | undefined;
  call.on('metadata', (metadata: Metadata) => (headers = metadata));
  call.on('data', (message: EchoResponse) => messages.push(message));
  call.on('error', () => {});
  const ended = new Promise<void>((resolve) => call.on('end', resolve));
  const ending = await new Promise<StatusObject>((resolve) => call.on('status', resolve));
  await ended;
  return { messages, headers, code: ending.code, details: ending.details };
}

describe('an echo server', () => {
  let server: EchoServer;
  let client: EchoClient;

  beforeEach(async () => {
    server = await startEchoServer();
    client = new Client(server.target, credentials.createInsecure());
  });
  afterEach(async () => {
    client.close();
    await server[Symbol.asyncDispose]();
  });

  it('sends back payload and asked-for metadata, and says how it saw the call', async () => {
    const metadata = new Metadata();
    metadata.set('tenant', 'blue');
    const request = { payload: Buffer.from('hello'), echoMetadata: ['tenant', 'absent'], describe: true };
    const response = await unary(client, request, metadata);
    expect(response).toMatchObject({
      sequence: 0,
      receivedMessages: 1,
      receivedBytes: 5,
      metadata: { tenant: 'blue' },
    });
    expect(response.payload.toString()).toBe('hello');
    expect(response.details).toMatchObject({ serverPid: server.pid, deadlineMs: 0 });
    expect(response.details?.peer).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(server.pid).not.toBe(process.pid);
  });

  it('answers with as many bytes as asked for', async () => {
    expect((await unary(client, { responseBytes: 200_000 })).payload).toHaveLength(200_000);
  });

  it('fails a call with the status asked for, trailers-only unless initial metadata is asked for', async () => {
    const failing = { statusCode: status.NOT_FOUND, statusDetails: 'no such thing' };
    await expect(unary(client, failing)).rejects.toMatchObject({ code: status.NOT_FOUND, details: 'no such thing' });
    const bare = await drain(client.serverStream(failing));
    expect(bare).toMatchObject({ messages: [], headers: undefined, code: status.NOT_FOUND, details: 'no such thing' });
    const metadata = new Metadata();
    metadata.set('tenant', 'blue');
    const led = await drain(
      client.serverStream({ ...failing, sendInitialMetadata: true, echoMetadata: ['tenant'] }, metadata),
    );
    expect(led).toMatchObject({ messages: [], code: status.NOT_FOUND });
    expect(led.headers?.get('tenant')).toEqual(['blue']);
  });

  it('streams as many responses as asked for, then the status', async () => {
    const fine = await drain(client.serverStream({ responseCount: 300, payload: Buffer.from('x') }));
    expect(fine.messages.map((message) => message.sequence)).toEqual(Array.from({ length: 300 }, (_, index) => index));
    expect(fine.code).toBe(status.OK);
    const cut = await drain(client.serverStream({ responseCount: 2, statusCode: status.ABORTED }));
    expect([cut.messages.length, cut.code]).toEqual([2, status.ABORTED]);
  });

  it('answers a client stream at its half-close with what it received', async () => {
    const response = await new Promise<EchoResponse>((resolve, reject) => {
      const call = client.clientStream((error, value) => (error ? reject(error) : resolve(value as EchoResponse)));
      call.write({ payload: Buffer.alloc(10, 'a') });
      call.write({ payload: Buffer.alloc(20) });
      call.end();
    });
    expect(response).toMatchObject({ receivedMessages: 2, receivedBytes: 30 });
    expect(response.payload).toHaveLength(10);
  });

  it('ends a client stream at once when a message says so', async () => {
    const error = await new Promise<ServiceError | null>((resolve) => {
      const call = client.clientStream(resolve);
      call.on('error', () => {});
      call.write({ statusCode: status.OUT_OF_RANGE });
    });
    expect(error?.code).toBe(status.OUT_OF_RANGE);
  });

  it('answers each message of a bidi call and ends at the half-close', async () => {
    const call = client.bidi();
    call.write({ payload: Buffer.from('one') });
    call.write({ payload: Buffer.from('two'), responseCount: 2 });
    call.end();
    const all = await drain(call);
    expect(all.messages.map((message) => message.payload.toString())).toEqual(['one', 'two', 'two']);
    expect(all.code).toBe(status.OK);
  });

  it('sends metadata back in the trailers, with a response as with a failing status', async () => {
    const metadata = new Metadata();
    metadata.set('tenant', 'blue');
    metadata.add('key-bin', Buffer.from([0, 255, 1]));
    metadata.add('key-bin', Buffer.from([2]));
    for (const statusCode of [status.OK, status.ABORTED]) {
      const request = { statusCode, echoTrailers: ['tenant', 'key-bin'] };
      const calls = [client.unary(request, metadata, () => {}), client.serverStream(request, metadata)];
      const endings = calls.map((call) => {
        call.on('error', () => {}).on('data', () => {});
        return new Promise<StatusObject>((resolve) => call.on('status', resolve));
      });
      for (const ending of await Promise.all(endings)) {
        expect(ending.code).toBe(statusCode);
        expect(ending.metadata.get('tenant')).toEqual(['blue']);
        expect(ending.metadata.get('key-bin')).toEqual([Buffer.from([0, 255, 1]), Buffer.from([2])]);
      }
    }
  });

  it('ends a bidi call with the status that a message asks for', async () => {
    const call = client.bidi();
    call.write({});
    call.write({ statusCode: status.DATA_LOSS });
    const all = await drain(call);
    expect([all.messages.length, all.code]).toEqual([1, status.DATA_LOSS]);
  });

  it('hangs for ever on all four kinds and counts each call once when it is cancelled', async () => {
    const hang = { hang: true };
    const call = client.bidi();
    const upload = client.clientStream(() => {});
    const calls = [client.unary(hang, () => {}), client.serverStream(hang), upload, call];
    for (const one of calls) one.on('error', () => {});
    upload.write(hang);
    upload.end();
    call.write(hang);
    call.end();
    await server.waitFor((stats) => stats.openCalls === 4);
    for (const one of calls) one.cancel();
    const stats = await server.waitFor((now) => now.openCalls === 0);
    expect(stats).toMatchObject({ startedCalls: 4, peakOpenCalls: 4, cancelledCalls: 4, finishedCalls: 0 });
  });

  it('waits as long as the call asks for', async () => {
    const answered = unary(client, { delayMs: 50 });
    await server.waitFor((stats) => stats.openCalls === 1);
    await answered;
    expect(await server.stats()).toMatchObject({ openCalls: 0, finishedCalls: 1, cancelledCalls: 0 });
  });

  it('sees the deadline of a call', async () => {
    const deadline = Date.now() + 60_000;
    const response = await new Promise<EchoResponse>((resolve, reject) => {
      client.unary({ describe: true }, { deadline }, (error, value) =>
        error ? reject(error) : resolve(value as EchoResponse),
      );
    });
    expect(Math.abs((response.details?.deadlineMs ?? 0) - deadline)).toBeLessThan(10_000);
  });

  it('counts connections', async () => {
    const other = new Client(server.target, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    await Promise.all([unary(client, {}), unary(other, {})]);
    expect(await server.stats()).toMatchObject({ sessions: 2, acceptedSessions: 2 });
    other.close();
    await server.waitFor((stats) => stats.sessions === 1);
  });

  it('answers nothing while it is paused, and everything afterwards', async () => {
    await unary(client, {});
    server.pause();
    await expect(server.stats()).rejects.toThrow('paused');
    const answered = unary(client, { payload: Buffer.from('later') });
    server.resume();
    expect((await answered).payload.toString()).toBe('later');
  });

  it('can be killed while it is paused, and says that it is gone', async () => {
    server.pause();
    await server.kill();
    await expect(server.stats()).rejects.toThrow('gone');
    expect(() => process.kill(server.pid, 0)).toThrow();
  });
});

describe('the counts of an echo server', () => {
  it('tell the most calls of one connection from those of all', async () => {
    await using server = await startEchoServer();
    const clients = [1, 2].map(
      () => new Client(server.target, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 }),
    );
    const calls = clients.flatMap((one) => Array.from({ length: 3 }, () => one.unary({ hang: true }, () => {})));
    const stats = await server.waitFor(({ openCalls }) => openCalls === 6);
    expect(stats).toMatchObject({ peakOpenCalls: 6, peakOpenCallsOnSession: 3 });
    for (const call of calls) call.cancel();
    for (const client of clients) client.close();
  });
});

describe('the options of an echo server', () => {
  it('limits the streams of a connection', async () => {
    await using server = await startEchoServer({ maxConcurrentStreams: 3 });
    const client = new Client(server.target, credentials.createInsecure());
    const calls = Array.from({ length: 5 }, () => client.unary({ hang: true }, () => {}));
    await server.waitFor((stats) => stats.openCalls === 3);
    calls[0]?.cancel();
    const stats = await server.waitFor((now) => now.startedCalls === 4);
    expect(stats.peakOpenCalls).toBe(3);
    client.close();
    for (const call of calls) call.cancel();
  });

  it('delays every call that does not ask for its own delay', async () => {
    await using server = await startEchoServer({ delayMs: 60_000 });
    const client = new Client(server.target, credentials.createInsecure());
    const delayed = client.unary({}, () => {});
    await unary(client, { delayMs: 0 });
    expect((await server.stats()).openCalls).toBe(1);
    delayed.cancel();
    client.close();
  });

  it('passes on the options of grpc-js', async ({ skip }) => {
    skip(!peerSupports('server-options'), `${chosenPeer()} takes none`);
    await using server = await startEchoServer({ serverOptions: { 'grpc.max_receive_message_length': 100 } });
    const client = new Client(server.target, credentials.createInsecure());
    await expect(unary(client, { payload: Buffer.alloc(200) })).rejects.toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
    });
    client.close();
  });

  it('says why it cannot listen', async () => {
    await expect(startEchoServer({ host: '192.0.2.1' })).rejects.toThrow('cannot listen');
  });

  it('shows the counts that a condition waits for when the time of the test is up', async () => {
    await using server = await startEchoServer();
    const waiting = server.waitFor((stats) => stats.startedCalls > 0);
    await server.stats();
    expect(giveUpWaits().join()).toContain('"startedCalls":0');
    await expect(waiting).rejects.toThrow('"startedCalls":0');
  });
});
