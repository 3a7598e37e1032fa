import { once } from 'node:events';
import { credentials, InterceptingCall, status, type ClientReadableStream, type Interceptor } from '@grpc/grpc-js';
import { ChannelPool } from '@grpc-manifold/channel-pool';
import { type EchoClient, type EchoResponse, eventually, loadEchoPackage } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { waysIn } from '../ways-in/way.js';
import { FloodingServer, type Flood } from './flooding-server.js';

const MESSAGES = 75_000;
/** Of one message on the wire, at least. */
const MESSAGE_BYTES = 1_024;
/** What HTTP/2 holds on both ends beside the window: far less than any of the windows here. */
const SLACK_BYTES = 262_144;

const { EchoClient: Echo } = loadEchoPackage();

/** Goes through the same connection and back a few hundred times: time for a stream to flow in, were it let. */
async function manyRoundTrips(client: EchoClient, count = 300): Promise<void> {
  for (let trip = 0; trip < count; trip += 1) {
    await new Promise<void>((resolve, reject) => client.unary({}, (error) => (error ? reject(error) : resolve())));
  }
}

const passing: Interceptor = (options, nextCall) => new InterceptingCall(nextCall(options));
const events: string[] = [];
const recording: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start(metadata, _listener, next) {
      next(metadata, {
        onReceiveMetadata: (received, on) => (events.push('metadata'), on(received)),
        onReceiveMessage: (received, on) => (events.push('message'), on(received)),
        onReceiveStatus: (received, on) => (events.push(status[received.code]), on(received)),
      });
    },
  });

describe.each(waysIn)('a stream whose client does not read, through $name', (way) => {
  describe.each([
    ['64 KiB', 65_535],
    ['4 MiB', 4_194_304],
  ])('with a window of %s', (_name, windowBytes) => {
    it('stops the server at the window, and gives everything in order when it is read', async () => {
      events.length = 0;
      await using server = await FloodingServer.start(MESSAGES);
      const { client, close } = way.open({
        target: server.target,
        credentials: credentials.createInsecure(),
        channelOptions: { 'grpc-node.flow_control_window': windowBytes },
        clientOptions: { interceptors: [passing, recording] },
      });
      const stream = client.serverStream({});
      await once(stream, 'metadata');
      await manyRoundTrips(client);
      const { sent } = server.floods[0] as Flood;
      expect(sent * MESSAGE_BYTES).toBeLessThan(windowBytes + SLACK_BYTES);

      const ended = once(stream, 'status');
      events.length = 0;
      let next = 0;
      for await (const { sequence } of stream as AsyncIterable<EchoResponse>) {
        if (sequence !== next) throw new Error(`message ${sequence} came in the place of ${next}`);
        next += 1;
      }
      expect(next).toBe(MESSAGES);
      expect(await ended).toMatchObject([{ code: status.OK }]);
      expect(events.length).toBe(MESSAGES + 1);
      expect(events.lastIndexOf('message')).toBe(MESSAGES - 1);
      expect(events.at(-1)).toBe('OK');
      await close();
    });
  });
});

/** A pool of one connection on which no call may be reset: whatever is cancelled waits. */
function poolWithoutResets(target: string, windowBytes: number): ChannelPool {
  return new ChannelPool(
    target,
    credentials.createInsecure(),
    { maxChannels: 1, channelOptions: { 'grpc-node.flow_control_window': windowBytes } },
    { resetBurst: 0 },
  );
}

/** Streams that were read a little and then cancelled. */
async function cancelledFloods(client: EchoClient, server: FloodingServer, count: number): Promise<void> {
  const streams: ClientReadableStream<EchoResponse>[] = [];
  for (let each = 0; each < count; each += 1) streams.push(client.serverStream({}));
  await Promise.all(
    streams.map(async (stream) => {
      stream.on('error', () => undefined);
      await once(stream, 'data');
      stream.pause();
      stream.cancel();
      await new Promise((resolve) => stream.once('status', resolve));
    }),
  );
  expect(server.floods).toHaveLength(count);
}

describe.each([
  ['64 KiB', 65_535],
  ['4 MiB', 4_194_304],
])('streams that await their reset while the server sends on, with a window of %s', (_name, windowBytes) => {
  const DISCARDED_BYTES = 1_048_576;

  it('leave the rest of the connection to others, and bring no more than 1 MiB and the window', async () => {
    await using server = await FloodingServer.start(Infinity);
    await using pool = poolWithoutResets(server.target, windowBytes);
    const client = new Echo(server.target, credentials.createInsecure(), { channelOverride: pool });
    await cancelledFloods(client, server, 5);
    const before = server.floods.map(({ sent }) => sent);
    expect(pool.stats().channels).toMatchObject([{ inFlightCalls: 0, endingStreams: 5 }]);
    await manyRoundTrips(client);
    for (const [index, { sent, isClosed }] of server.floods.entries()) {
      const brought = (sent - (before[index] as number)) * MESSAGE_BYTES;
      expect(brought).toBeLessThan(DISCARDED_BYTES + windowBytes + SLACK_BYTES);
      expect(isClosed).toBe(false);
    }
    // A stream with more than a window of its own gets it all.
    const bystander = client.serverStream({}).on('error', () => undefined);
    let received = 0;
    for await (const { payload } of bystander as AsyncIterable<EchoResponse>) {
      received += payload.length;
      if (received > 3 * windowBytes) break;
    }
    await pool.destroy();
  });

  it('give back their room when the server ends them, each once, behind all that it had sent', async () => {
    // Half a megabyte: more than the smaller window.
    await using server = await FloodingServer.start(500);
    await using pool = poolWithoutResets(server.target, windowBytes);
    const client = new Echo(server.target, credentials.createInsecure(), { channelOverride: pool });
    await cancelledFloods(client, server, 5);
    await eventually(() => expect(pool.stats().channels).toMatchObject([{ inFlightCalls: 0, endingStreams: 0 }]));
    await eventually(() => expect(server.floods.map(({ isClosed }) => isClosed)).toEqual(Array(5).fill(true)));
    expect(pool.stats()).toMatchObject({ startedCalls: 5, cancelledCalls: 5, inFlightCalls: 0 });
    await manyRoundTrips(client, 3);
    await pool.destroy();
  });
});
