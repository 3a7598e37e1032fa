import { connect, constants } from 'node:http2';
import { credentials } from '@grpc/grpc-js';
import {
  eventually,
  leakCheck,
  loadEchoPackage,
  selfSignedCertificate,
  startNginxServer,
} from '@grpc-manifold/testing';
import { createPooledClient, type PooledClientOptions } from 'grpc-manifold';
import { expect, it } from 'vitest';
import { describePeer } from './describe-peer.js';
import { manyCalls } from './many-calls.js';

/** nginx's own. */
const STREAMS_OF_A_CONNECTION = 128;
const { EchoClient: Client } = loadEchoPackage();

const open = (target: string, options: PooledClientOptions = {}) =>
  createPooledClient(Client, target, credentials.createInsecure(), { onDispose: 'cancel', ...options });

describePeer('nginx', 'a pool before nginx', () => {
  it('would be told of a stream that is refused: a client that does not wait for SETTINGS has some', async () => {
    await using server = await startNginxServer();
    const session = connect(`http://${server.target}`, { peerMaxConcurrentStreams: 1_000 });
    const codes = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const stream = session.request({
          ':method': 'POST',
          ':path': '/manifold.testing.v1.Echo/Unary',
          'content-type': 'application/grpc',
        });
        stream.on('error', () => undefined);
        stream.resume().end(Buffer.alloc(5));
        await new Promise((resolve) => stream.once('close', resolve));
        return stream.rstCode;
      }),
    );
    session.destroy();
    const refused = codes.filter((code) => code === constants.NGHTTP2_REFUSED_STREAM).length;
    expect(refused).toBeGreaterThan(0);
    expect(await server.refusedStreams()).toBe(refused);
  });

  it('has 1,000 calls open at the same time, none refused, no more than 128 on a connection', async () => {
    const check = leakCheck();
    {
      await using server = await startNginxServer();
      await using client = open(server.target);
      const calls = manyCalls(client, 1_000, { hang: true });
      const stats = await server.waitFor(({ openCalls }) => openCalls === 1_000);
      expect(stats.peakOpenCallsOnSession).toBeLessThanOrEqual(STREAMS_OF_A_CONNECTION);
      expect(stats.acceptedSessions).toBe(client.pool.stats().channels.length);
      expect(await server.refusedStreams()).toBe(0);
      await client.pool.destroy();
      expect(await calls).toEqual({ CANCELLED: 1_000 });
      await server.waitFor(({ openCalls, sessions }) => openCalls === 0 && sessions === 0);
    }
    await check.expectNothingLeft();
  });

  it('learns that a connection takes 128 streams, and uses them all', async () => {
    await using server = await startNginxServer();
    await using client = open(server.target, { maxChannels: 1 });
    expect(await manyCalls(client, 1)).toEqual({ OK: 1 });
    const calls = manyCalls(client, 200, { hang: true });
    await eventually(() => expect(client.pool.stats()).toMatchObject({ inFlightCalls: STREAMS_OF_A_CONNECTION }));
    expect(client.pool.stats().channels).toMatchObject([
      { maxConcurrentStreams: STREAMS_OF_A_CONNECTION, learnedFromServer: true },
    ]);
    await server.waitFor(({ openCalls }) => openCalls === STREAMS_OF_A_CONNECTION);
    expect(await server.refusedStreams()).toBe(0);
    await client.pool.destroy();
    expect(await calls).toEqual({ CANCELLED: STREAMS_OF_A_CONNECTION, UNAVAILABLE: 200 - STREAMS_OF_A_CONNECTION });
  });

  it('gets every one of 5,000 calls through 1,000 streams without one refused', async () => {
    await using server = await startNginxServer();
    await using client = open(server.target, { queue: { maxQueuedCalls: 5_000 } });
    expect(await manyCalls(client, 5_000, { delayMs: 10 })).toEqual({ OK: 5_000 });
    const stats = await server.stats();
    // None was sent twice either.
    expect(stats).toMatchObject({ startedCalls: 5_000, finishedCalls: 5_000 });
    expect(stats.peakOpenCallsOnSession).toBeLessThanOrEqual(STREAMS_OF_A_CONNECTION);
    expect(await server.refusedStreams()).toBe(0);
  });

  it('keeps one connection at the very limit, call after call, without one refused', async () => {
    await using server = await startNginxServer({}, 'keepalive_requests 1000000;');
    await using client = open(server.target, {
      maxChannels: 1,
      maxStreamsPerChannel: STREAMS_OF_A_CONNECTION,
      queue: { maxQueuedCalls: 5_000 },
    });
    expect(await manyCalls(client, 3_000, { delayMs: 2 })).toEqual({ OK: 3_000 });
    expect(await server.stats()).toMatchObject({ startedCalls: 3_000, acceptedSessions: 1 });
    expect(await server.refusedStreams()).toBe(0);
  });

  it('loses no call when nginx closes its connections after 1,000 requests each, as it does by default', async () => {
    await using server = await startNginxServer({});
    await using client = open(server.target, { maxChannels: 4, queue: { maxQueuedCalls: 4_000 } });
    expect(await manyCalls(client, 4_000, { delayMs: 2 })).toEqual({ OK: 4_000 });
    const { acceptedSessions, startedCalls } = await server.stats();
    expect(startedCalls).toBe(4_000);
    // One that drains makes no connection of its own for the calls that it refused.
    expect(acceptedSessions).toBeGreaterThanOrEqual(4);
    expect(acceptedSessions).toBeLessThanOrEqual(8);
  });

  it('does not back off from an nginx for closing connections that have done their work', async () => {
    // Fewer requests than streams: each connection refuses most of what it was given.
    await using server = await startNginxServer({}, 'keepalive_requests 50;');
    const minute = { 'grpc.initial_reconnect_backoff_ms': 60_000, 'grpc.max_reconnect_backoff_ms': 60_000 };
    await using client = open(server.target, {
      maxChannels: 4,
      queue: { maxQueuedCalls: 2_000, maxQueueTimeMs: 10_000 },
      channelOptions: minute,
    });
    expect(await manyCalls(client, 1_000, { delayMs: 2 })).toEqual({ OK: 1_000 });
    expect(client.pool.stats().retriedCalls).toBeGreaterThan(0);
    expect(client.pool.stats().shedCalls).toBe(0);
  });

  it('gives a call the status that an HTTP error of nginx stands for, and keeps the connection', async () => {
    await using server = await startNginxServer({}, 'location = /manifold.testing.v1.Echo/Unary { return 502; }');
    await using client = open(server.target, { maxChannels: 1 });
    expect(await manyCalls(client, 10)).toEqual({ UNAVAILABLE: 10 });
    expect(client.pool.stats()).toMatchObject({ channels: [{ state: 'ready' }], inFlightCalls: 0 });
    expect(await server.stats()).toMatchObject({ acceptedSessions: 1, startedCalls: 0 });
  });

  it('speaks TLS with it', async () => {
    const tls = await selfSignedCertificate();
    await using server = await startNginxServer({ tls });
    await using client = createPooledClient(Client, server.target, credentials.createSsl(Buffer.from(tls.cert)), {
      'grpc.ssl_target_name_override': 'localhost',
      onDispose: 'cancel',
    });
    expect(await manyCalls(client, 50)).toEqual({ OK: 50 });
  });
});
