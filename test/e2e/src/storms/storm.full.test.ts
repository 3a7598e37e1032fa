import { credentials } from '@grpc/grpc-js';
import type { ChannelStats } from '@grpc-manifold/channel-pool';
import type { ChannelState } from '@grpc-manifold/core';
import { createPooledClient, type PooledClient, type PooledClientOptions } from 'grpc-manifold';
import { type EchoClient, eventually, loadEchoPackage } from '@grpc-manifold/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HangingServer, sumOf } from './hanging-server.js';
import { answeredCalls, Bystander, HangingCalls } from './storm.js';

const STORM_CALLS = 1_600;
const BYSTANDERS = 4;
/** Long enough for every call to reach its connection first. */
const DEADLINE_MS = 2_500;
/** What nghttp2 takes in one burst before it closes the connection. */
const SERVER_RESET_BURST = 1_000;

const { EchoClient: Client } = loadEchoPackage();

interface Shape {
  readonly name: string;
  readonly options: PooledClientOptions;
  readonly connections: number;
  /** Streams that all connections carry together. */
  readonly capacity: number;
}

/** The server sets no limit: a thousand streams a connection, and the fill opens the second. */
const DEFAULTS: Shape = { name: 'default options', options: {}, connections: 2, capacity: 2_000 };
const TWO_WIDE: Shape = {
  name: 'two connections of 1,000 streams',
  options: { minChannels: 2, maxChannels: 2, maxStreamsPerChannel: 1_000 },
  connections: 2,
  capacity: 2_000,
};
const ONE_WIDE: Shape = {
  name: 'one connection of 1,000 streams',
  options: { maxChannels: 1, maxStreamsPerChannel: 1_000 },
  connections: 1,
  capacity: 1_000,
};

let server: HangingServer;
beforeEach(async () => {
  server = await HangingServer.start();
});
afterEach(() => server[Symbol.asyncDispose]());

/** A pool with all of its connections open and no call on them. */
async function openPool({ options, connections }: Shape): Promise<PooledClient<EchoClient>> {
  const client = createPooledClient(Client, server.target, credentials.createInsecure(), {
    ...options,
    onDispose: 'cancel',
  });
  const fill = new HangingCalls(client, 950);
  await server.waitFor((sessions) => sessions.length === connections && sumOf(sessions, 'hangingCalls') === 950);
  await eventually(() => expect(client.pool.stats().channels.map(({ state }) => state)).toEqual(ready(connections)));
  server.order({ kind: 'release' });
  await fill.settled();
  return client;
}

function ready(count: number): string[] {
  return Array<string>(count).fill('ready');
}

function byState(client: PooledClient<EchoClient>): Partial<Record<ChannelState, ChannelStats[]>> {
  const states: Partial<Record<ChannelState, ChannelStats[]>> = {};
  for (const channel of client.pool.stats().channels) (states[channel.state] ??= []).push(channel);
  return states;
}

function endingStreams(client: PooledClient<EchoClient>): number {
  return client.pool.stats().channels.reduce((sum, channel) => sum + channel.endingStreams, 0);
}

async function openBystanders(client: EchoClient): Promise<Bystander[]> {
  const bystanders = Array.from({ length: BYSTANDERS }, () => new Bystander(client));
  await Promise.all(bystanders.map((bystander) => bystander.hear()));
  return bystanders;
}

/** Starts 1,600 calls at once and waits until the server has as many of them as there is room for. */
async function gather(client: EchoClient, { capacity }: Shape, deadline?: number): Promise<HangingCalls> {
  const before = sumOf(await server.sessions(), 'hangingCalls');
  const calls = new HangingCalls(client, STORM_CALLS, deadline);
  const expected = Math.min(STORM_CALLS, capacity - BYSTANDERS);
  await server.waitFor((sessions) => sumOf(sessions, 'hangingCalls') === before + expected);
  return calls;
}

/** The innocent streams run on, on the connections that they began on, and the pool carries calls as before. */
async function expectNobodyHarmed(client: PooledClient<EchoClient>, bystanders: Bystander[], shape: Shape) {
  await Promise.all(bystanders.map((bystander) => bystander.hear()));
  await answeredCalls(client, 100);
  await Promise.all(bystanders.map((bystander) => bystander.hear()));
  expect(client.pool.stats().lastFault).toBeUndefined();
  // A pool may have grown under the storm, and have put others in the place of connections whose resets are nearly used
  // up. Those drain for as long as an innocent stream is on them.
  await eventually(() => {
    const { ready = [], draining = [], ...others } = byState(client);
    expect(ready.length).toBeGreaterThanOrEqual(shape.connections);
    expect(draining.every(({ inFlightCalls }) => inFlightCalls > 0)).toBe(true);
    expect(others).toEqual({});
  });
  const sessions = await server.sessions();
  const withBystanders = sessions.filter(({ messageStreams }) => messageStreams > 0);
  expect(withBystanders.map(({ isOpen }) => isOpen)).toEqual(Array(withBystanders.length).fill(true));
  return sessions;
}

async function expectGoodEnd(bystanders: Bystander[]): Promise<void> {
  server.order({ kind: 'finish' });
  const endings = await Promise.all(bystanders.map(({ ended }) => ended));
  expect(endings.map(({ code }) => code)).toEqual(Array(BYSTANDERS).fill(0));
}

describe.each([DEFAULTS, TWO_WIDE])(`1,600 calls and four bystanders, $name`, (shape) => {
  it.each(['share one deadline', 'are cancelled at once'])('harm nobody when the calls %s', async (kind) => {
    await using client = await openPool(shape);
    const bystanders = await openBystanders(client);
    const byDeadline = kind === 'share one deadline';
    const calls = await gather(client, shape, byDeadline ? Date.now() + DEADLINE_MS : undefined);
    if (!byDeadline) calls.cancel();
    expect(await calls.settled()).toEqual({ [byDeadline ? 'DEADLINE_EXCEEDED' : 'CANCELLED']: STORM_CALLS });

    const sessions = await expectNobodyHarmed(client, bystanders, shape);
    await eventually(() => expect(endingStreams(client)).toBe(0));
    // The storm went over the wire: each stream was reset by the client, on every connection that a bystander was on.
    const onTheWire = Math.min(STORM_CALLS, shape.capacity - BYSTANDERS);
    await server.waitFor((counts) => sumOf(counts, 'clientResets') === onTheWire);
    for (const { messageStreams, hangingCalls } of sessions) {
      if (messageStreams > 0) expect(hangingCalls).toBeGreaterThan(messageStreams);
    }
    expect(client.pool.stats()).toMatchObject({
      inFlightCalls: BYSTANDERS,
      queuedCalls: 0,
      failedCalls: byDeadline ? STORM_CALLS : 0,
      cancelledCalls: byDeadline ? 0 : STORM_CALLS,
    });
    await expectGoodEnd(bystanders);
  });
});

describe('two storms, one right after the other', () => {
  it.each([DEFAULTS, TWO_WIDE])('harm nobody with $name', async (shape) => {
    await using client = await openPool(shape);
    const bystanders = await openBystanders(client);
    const first = await gather(client, shape);
    first.cancel();
    await first.settled();
    const second = new HangingCalls(client, STORM_CALLS, Date.now() + DEADLINE_MS);
    // The streams of the first are still ending when the second begins: what the queue cannot take is refused.
    const { DEADLINE_EXCEEDED = 0, RESOURCE_EXHAUSTED = 0 } = await second.settled();
    expect(DEADLINE_EXCEEDED + RESOURCE_EXHAUSTED).toBe(STORM_CALLS);
    expect(DEADLINE_EXCEEDED).toBeGreaterThanOrEqual(SERVER_RESET_BURST);

    await expectNobodyHarmed(client, bystanders, shape);
    const sessions = await server.sessions();
    for (const { clientResets } of sessions) expect(clientResets).toBeLessThan(SERVER_RESET_BURST);
    console.log(
      `two storms, ${shape.name}: ${sumOf(sessions, 'hangingCalls') - 950} calls reached ${sessions.length} connections, ` +
        `${sumOf(sessions, 'clientResets')} reset by now, ${endingStreams(client)} streams await their reset`,
    );
    // What awaits its reset would take long; when the server ends such a stream it is gone as well.
    server.order({ kind: 'release' });
    await eventually(() => expect(endingStreams(client)).toBe(0));
    await expectGoodEnd(bystanders);
  });
});

describe('a storm on one connection that is larger than the server takes in a burst', () => {
  it('is paced: the rest follows later, and nobody is harmed', async () => {
    await using client = await openPool(ONE_WIDE);
    const bystanders = await openBystanders(client);
    const calls = await gather(client, ONE_WIDE);
    calls.cancel();
    await calls.settled();
    await expectNobodyHarmed(client, bystanders, ONE_WIDE);
    expect(endingStreams(client)).toBeGreaterThan(0);
    await eventually(() => expect(endingStreams(client)).toBe(0));
    await server.waitFor((sessions) => sumOf(sessions, 'clientResets') === ONE_WIDE.capacity - BYSTANDERS);
    await expectNobodyHarmed(client, bystanders, ONE_WIDE);
    await expectGoodEnd(bystanders);
  });
});

describe('the same storm through a plain client', () => {
  it('kills the bystanders: the danger is real', async () => {
    const client = new Client(server.target, credentials.createInsecure());
    const bystanders = await openBystanders(client);
    const calls = new HangingCalls(client, STORM_CALLS);
    await server.waitFor((sessions) => sumOf(sessions, 'hangingCalls') === STORM_CALLS);
    calls.cancel();
    const endings = await Promise.all(bystanders.map(({ ended }) => ended));
    expect(endings.map(({ code }) => code)).not.toContain(0);
    client.close();
  });
});
