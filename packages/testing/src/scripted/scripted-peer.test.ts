import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect } from 'node:net';
import type { Metadata } from '@grpc/grpc-js';
import { credentials, status, type ServiceError } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { loadEchoPackage, type EchoClient, type EchoRequest, type EchoResponse } from '../servers/echo-service.js';
import { startScriptedPeer, type ScriptedPeer } from './scripted-peer.js';

const { EchoClient: Client, service } = loadEchoPackage();
const clients: EchoClient[] = [];
const sessions: ClientHttp2Session[] = [];

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
  for (const session of sessions.splice(0)) session.destroy();
});

function clientOf(peer: ScriptedPeer): EchoClient {
  const client = new Client(peer.target, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  clients.push(client);
  return client;
}

function unary(client: EchoClient, request: EchoRequest = {}): Promise<EchoResponse> {
  return new Promise((resolve, reject) => {
    client.unary(request, (error, response) => (error ? reject(error) : resolve(response as EchoResponse)));
  });
}

function sessionTo(peer: ScriptedPeer): ClientHttp2Session {
  const session = connectHttp2(`http://${peer.target}`);
  session.on('error', () => {});
  sessions.push(session);
  return session;
}

const message = (payload: string): Buffer =>
  service.Unary.responseSerialize({
    payload: Buffer.from(payload),
    sequence: 0,
    receivedMessages: 0,
    receivedBytes: 0,
    metadata: {},
    details: null,
  });

describe('a scripted peer', () => {
  it('answers a gRPC call as a server does', async () => {
    await using peer = await startScriptedPeer({
      onRequestEnd: (connection, streamId) => connection.respond(streamId, { messages: [message('from afar')] }),
    });
    const client = clientOf(peer);
    expect((await unary(client)).payload.toString()).toBe('from afar');
    expect((await unary(client, { payload: Buffer.alloc(200_000) })).payload.toString()).toBe('from afar');
    const [connection] = peer.connections;
    expect(connection).toMatchObject({ headersReceived: 2, openStreams: 0, peakOpenStreams: 1, rstReceived: 0 });
    expect(peer).toMatchObject({ acceptedConnections: 1, openConnections: 1, headersReceived: 2 });
  });

  it('fails a call with details, with initial metadata and as trailers-only', async () => {
    await using peer = await startScriptedPeer({
      onRequestEnd: (connection, streamId) => {
        connection.respond(streamId, {
          status: status.NOT_FOUND,
          details: 'not here, 100 %',
          metadata: { 'x-peer': 'yes' },
          trailersOnly: connection.headersReceived > 1,
        });
      },
    });
    const client = clientOf(peer);
    const headers: Metadata[] = [];
    const errors: ServiceError[] = [];
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await new Promise<void>((resolve) => {
        const call = client.unary({}, (error) => {
          errors.push(error as ServiceError);
          resolve();
        });
        call.on('metadata', (metadata: Metadata) => headers.push(metadata));
      });
    }
    expect(errors.map((error) => [error.code, error.details])).toEqual([
      [status.NOT_FOUND, 'not here, 100 %'],
      [status.NOT_FOUND, 'not here, 100 %'],
    ]);
    expect(headers.map((metadata) => metadata.get('x-peer'))).toEqual([['yes']]);
    expect(errors[1]?.metadata.get('x-peer')).toEqual(['yes']);
  });

  it('counts streams that hang, and the resets of a client that gives up', async () => {
    await using peer = await startScriptedPeer();
    const client = clientOf(peer);
    const calls = Array.from({ length: 5 }, () => client.unary({}, () => {}));
    await peer.waitFor((now) => now.openStreams === 5);
    const [connection] = peer.connections;
    expect(connection?.openStreamIds).toEqual([1, 3, 5, 7, 9]);
    for (const call of calls) call.cancel();
    await connection?.waitFor((now) => now.rstReceived === 5);
    expect(connection).toMatchObject({ openStreams: 0, peakOpenStreams: 5, headersReceived: 5 });
  });

  it('ends a call by RST_STREAM, and a connection by GOAWAY', async () => {
    await using peer = await startScriptedPeer({
      onHeaders: (connection, streamId) => {
        if (streamId === 1) connection.sendRst(streamId, 0xb);
      },
    });
    const client = clientOf(peer);
    await expect(unary(client)).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    const inFlight = unary(client);
    await peer.waitFor((now) => now.openStreams === 1);
    const connection = peer.connections[0]!;
    connection.sendGoaway(0, undefined, 'enough');
    connection.respond(3, { messages: [message('the last one')] });
    expect((await inFlight).payload.toString()).toBe('the last one');
    await connection.waitFor((now) => !now.isOpen);
    void unary(client).catch(() => {});
    await peer.waitFor((now) => now.acceptedConnections === 2);
  });

  it('tells its settings when it is asked to, and again later', async () => {
    await using peer = await startScriptedPeer({ settings: { maxConcurrentStreams: 7 } });
    const session = sessionTo(peer);
    const seen: (number | undefined)[] = [];
    const both = new Promise<void>((resolve) => {
      session.on('remoteSettings', (settings) => {
        seen.push(settings.maxConcurrentStreams);
        if (seen.length === 1) peer.connections[0]?.sendSettings({ maxConcurrentStreams: 9 });
        else resolve();
      });
    });
    await both;
    expect(seen).toEqual([7, 9]);
    await peer.connections[0]?.waitFor(
      (now) => now.frames.filter((frame) => frame.kind === 'settings-ack').length === 2,
    );
  });

  it('answers pings, sends its own, and leaves both alone when told to', async () => {
    await using polite = await startScriptedPeer();
    const session = sessionTo(polite);
    await new Promise<void>((resolve, reject) => {
      session.on('connect', () => session.ping((error) => (error ? reject(error) : resolve())));
    });
    polite.connections[0]?.sendPing(Buffer.from('12345678'));
    await polite.connections[0]?.waitFor((now) => now.frames.some((frame) => frame.kind === 'ping-ack'));

    await using rude = await startScriptedPeer({ ackPings: false });
    const ignored = sessionTo(rude);
    let isAnswered = false;
    ignored.on('connect', () => ignored.ping((error) => (isAnswered = error === null)));
    await rude.waitFor((now) => now.connections[0]?.frames.some((frame) => frame.kind === 'ping') === true);
    expect(isAnswered).toBe(false);
  });

  it('accepts and stays silent when it is to send no settings', async () => {
    await using peer = await startScriptedPeer({ settings: 'never' });
    const socket = connect(peer.port, '127.0.0.1');
    let heard = 0;
    socket.on('data', (chunk) => (heard += chunk.length));
    const session = connectHttp2(`http://${peer.target}`, { createConnection: () => socket });
    session.on('error', () => {});
    sessions.push(session);
    session.on('connect', () => session.ping(() => {}));
    await peer.waitFor((now) => now.connections[0]?.frames.some((frame) => frame.kind === 'ping') === true);
    expect(peer.connections[0]?.frames[0]?.kind).toBe('settings');
    expect(heard).toBe(0);
  });

  it('stops reading: the client cannot send more than the buffers take', async () => {
    await using peer = await startScriptedPeer({
      settings: { initialWindowSize: 2 ** 31 - 1 },
      onConnection: (connection) => {
        connection.send({ kind: 'window-update', streamId: 0, increment: 2 ** 30 });
      },
      onHeaders: (connection) => connection.stopReading(),
    });
    const client = clientOf(peer);
    const size = 64 * 1_048_576;
    client.unary({ payload: Buffer.alloc(size) }, () => {}).on('error', () => {});
    await peer.waitFor((now) => now.openStreams === 1);
    const connection = peer.connections[0]!;
    expect(connection.socket.isPaused()).toBe(true);
    const bodyBytes = (): number =>
      connection.frames.reduce((sum, frame) => sum + (frame.kind === 'data' ? frame.data.length : 0), 0);
    expect(bodyBytes()).toBeLessThan(size);
    connection.resumeReading();
    await connection.waitFor(() => bodyBytes() > size);
  });

  it('gives no window when it is not to: the client sends 65,535 bytes and waits', async () => {
    await using peer = await startScriptedPeer({ windowUpdates: false });
    const client = clientOf(peer);
    client.unary({ payload: Buffer.alloc(200_000) }, () => {}).on('error', () => {});
    const connection = (): ScriptedPeer['connections'][number] | undefined => peer.connections[0];
    const bodyBytes = (): number =>
      connection()?.frames.reduce((sum, frame) => sum + (frame.kind === 'data' ? frame.data.length : 0), 0) ?? 0;
    await peer.waitFor(() => bodyBytes() === 65_535);
    connection()?.send({ kind: 'window-update', streamId: 0, increment: 1_000 });
    connection()?.send({ kind: 'window-update', streamId: 1, increment: 1_000 });
    await peer.waitFor(() => bodyBytes() === 66_535);
  });

  it('resets and ends connections, and sees when a client is gone', async () => {
    await using peer = await startScriptedPeer({ onHeaders: (connection) => connection.reset() });
    await expect(unary(clientOf(peer))).rejects.toMatchObject({ code: status.UNAVAILABLE });
    await peer.waitFor((now) => now.openConnections === 0);
    const session = sessionTo(peer);
    await peer.waitFor((now) => now.openConnections === 1);
    session.destroy();
    await peer.waitFor((now) => now.openConnections === 0);
    expect(peer.openStreams).toBe(0);
  });

  it('hangs up on what is not HTTP/2', async () => {
    await using peer = await startScriptedPeer();
    const socket = connect(peer.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => socket.once('close', resolve));
  });
});
