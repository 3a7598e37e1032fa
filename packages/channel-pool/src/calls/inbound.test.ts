import { credentials, Metadata, status, type InterceptingListener } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import {
  NOTHING_LEFT,
  SCRIPTED_TARGET,
  ScriptedScenes,
  settled,
  type ClientCall,
  type ScriptedCall,
  type ScriptedScene,
} from '@grpc-manifold/testing';
import { ChannelPool } from '../channel-pool.js';
import type { ChannelPoolOptions } from '../options/options.js';

let resetBurst = 0;

const { setUp, remains } = new ScriptedScenes(
  (options: ChannelPoolOptions, environment) =>
    new ChannelPool(SCRIPTED_TARGET, credentials.createInsecure(), options, { ...environment, resetBurst }),
);

afterEach(async () => {
  for (const left of await remains()) expect(left).toEqual(NOTHING_LEFT);
});

interface Stream {
  readonly scene: ScriptedScene<ChannelPool>;
  readonly client: ClientCall;
  readonly server: ScriptedCall;
}

/** A call on a connection that allows no resets unless told otherwise, so that whatever is cancelled waits. */
async function setUpStream(resets = 0): Promise<Stream> {
  resetBurst = resets;
  const scene = setUp({ maxChannels: 1, maxStreamsPerChannel: 2 });
  const client = scene.call();
  await scene.allReady();
  return { scene, client, server: scene.channel(1).calls[0] as ScriptedCall };
}

describe('a call whose client does not read', () => {
  it('asks for one message when the headers are there, and not before', async () => {
    const { client, server } = await setUpStream();
    expect(server.reading).toBe(0);
    server.send();
    expect(server.reading).toBe(1);
    server.send('one');
    await settled();
    expect(server.reading).toBe(1);
    expect(client.events).toEqual(['metadata']);
  });

  it('hands that message over at the first read, once, and asks for the next at the second', async () => {
    const { client, server } = await setUpStream();
    server.send();
    server.send('one');
    client.call.startRead();
    expect(client.events).toEqual(['metadata']);
    await settled();
    expect(client.events).toEqual(['metadata', 'message one']);
    expect(server.reading).toBe(1);
    client.call.startRead();
    expect(server.reading).toBe(2);
    server.send('two');
    expect(client.events).toEqual(['metadata', 'message one', 'message two']);
  });

  it('tells a message that comes after the first read at once, and asks no second time for it', async () => {
    const { client, server } = await setUpStream();
    server.send();
    client.call.startRead();
    expect(server.reading).toBe(1);
    server.send('one');
    expect(client.events).toEqual(['metadata', 'message one']);
  });

  it('keeps the order when the client asks twice in one tick', async () => {
    const { client, server } = await setUpStream();
    server.send();
    server.send('one');
    client.call.startRead();
    client.call.startRead();
    server.send('two');
    await settled();
    expect(client.events).toEqual(['metadata', 'message one', 'message two']);
  });

  it('tells a good end after the message, and keeps the stream counted until then', async () => {
    const { scene, client, server } = await setUpStream();
    server.send();
    server.send('one');
    server.end();
    await settled();
    expect(client.events).toEqual(['metadata']);
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 1, succeededCalls: 0 });
    client.call.startRead();
    await settled();
    expect(client.events).toEqual(['metadata', 'message one', 'OK']);
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 0, succeededCalls: 1 });
  });

  it('tells a bad end at once, and no message after it', async () => {
    const { client, server } = await setUpStream();
    server.send();
    server.send('one');
    server.end(status.NOT_FOUND);
    client.call.startRead();
    await settled();
    expect(client.events).toEqual(['metadata', 'NOT_FOUND']);
  });

  it.each([
    ['is still open', false],
    ['has ended well', true],
  ])('is told nothing but its cancel while the stream %s', async (_state, hasEnded) => {
    const { scene, client, server } = await setUpStream();
    server.send();
    server.send('one');
    if (hasEnded) server.end();
    client.call.startRead();
    client.call.cancelWithStatus(status.CANCELLED, 'enough');
    await settled();
    expect(client.events).toEqual(['metadata', 'CANCELLED']);
    // A stream that is over needs no reset.
    expect(scene.pool.stats().channels[0]).toMatchObject({ inFlightCalls: 0, endingStreams: hasEnded ? 0 : 1 });
  });

  it.each([
    ['spent', 0],
    ['there', 8],
  ])('is told no end when the client cancels in answer to the message, with resets %s', async (_resets, resets) => {
    const { scene } = await setUpStream(resets);
    const call = scene.create().call;
    const told: string[] = [];
    const listener: InterceptingListener = {
      onReceiveMetadata: () => told.push('metadata'),
      onReceiveMessage: () => {
        told.push('message');
        call.cancelWithStatus(status.CANCELLED, 'enough');
      },
      onReceiveStatus: ({ code }) => told.push(status[code]),
    };
    call.start(new Metadata(), listener);
    const server = scene.channel(1).calls[1] as ScriptedCall;
    server.send();
    server.send('one');
    server.end();
    call.startRead();
    await settled();
    expect(told).toEqual(['metadata', 'message', 'CANCELLED']);
    expect(scene.pool.stats()).toMatchObject({ inFlightCalls: 1, cancelledCalls: 1 });
    expect(scene.pool.stats().channels[0]).toMatchObject({ inFlightCalls: 1, endingStreams: 0 });
  });

  it('asks for nothing of its own where the client has asked', async () => {
    const { client, server } = await setUpStream();
    client.call.startRead();
    server.send();
    expect(server.reading).toBe(1);
  });

  it('asks for nothing when it was cancelled in answer to the headers', async () => {
    const { scene } = await setUpStream();
    const call = scene.create().call;
    call.start(new Metadata(), {
      onReceiveMetadata: () => call.cancelWithStatus(status.CANCELLED, 'enough'),
      onReceiveMessage: () => undefined,
      onReceiveStatus: () => undefined,
    });
    const server = scene.channel(1).calls[1] as ScriptedCall;
    server.send();
    // One for the reset that it waits for.
    expect(server.reading).toBe(1);
  });
});

describe('a call that waits for its reset', () => {
  it.each([
    ['a client that reads', true],
    ['a client that does not', false],
  ])('reads on and throws away what comes, of %s', async (_client, reads) => {
    const { client, server } = await setUpStream();
    if (reads) client.call.startRead();
    server.send();
    server.send('one');
    const before = server.reading;
    client.call.cancelWithStatus(status.CANCELLED, 'enough');
    expect(server.reading).toBe(before + 1);
    for (let sent = 1; sent <= 10; sent += 1) {
      server.send('more');
      expect(server.reading).toBe(before + 1 + sent);
    }
    await settled();
    expect(client.events).toEqual(['metadata', ...(reads ? ['message one'] : []), 'CANCELLED']);
  });

  it.each([
    ['messages of 64 KiB', 65_536, 16],
    ['empty messages', 0, 209_716],
  ])('throws away 1 MiB at the most: %s', async (_size, bytes, most) => {
    const { client, server } = await setUpStream();
    client.call.cancelWithStatus(status.CANCELLED, 'enough');
    const message = 'x'.repeat(bytes);
    for (let sent = 1; sent < most; sent += 1) server.send(message);
    expect(server.reading).toBe(most);
    server.send(message);
    server.send(message);
    expect(server.reading).toBe(most);
  });

  it('gives its room back once when the server ends it, and once when it was reset', async () => {
    const { scene, client, server } = await setUpStream();
    const other = scene.call();
    client.call.cancelWithStatus(status.CANCELLED, 'enough');
    other.call.cancelWithStatus(status.CANCELLED, 'enough');
    await settled();
    expect(scene.pool.stats().channels[0]).toMatchObject({ inFlightCalls: 0, endingStreams: 2 });
    server.send('last');
    server.end();
    expect(scene.pool.stats().channels[0]).toMatchObject({ inFlightCalls: 0, endingStreams: 1 });
    await scene.pool.destroy();
    await settled();
    expect(server.cancelledWith).toBeUndefined();
    expect(scene.channel(1).calls[1]?.cancelledWith).toBe('CANCELLED: enough');
    expect([client.code, other.code]).toEqual(['CANCELLED', 'CANCELLED']);
  });
});
