import { channel as diagnosticsChannel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { Channel, connectivityState, credentials, Metadata } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  eventually,
  FakeClock,
  leakCheck,
  SCRIPTED_TARGET,
  ScriptedChannel,
  selfSignedCertificate,
  settled,
  startScriptedPeer,
  startSilentPeer,
  startUnansweredPeer,
  type LeakCheck,
  type PeerConnection,
  type PeerScript,
  type ScriptedPeer,
} from '@grpc-manifold/testing';
import type { ChannelCall } from '../contracts/channel-factory.js';
import { ObservedConnection, peerOf, type ObservedConnectionSettings } from './observed-connection.js';

const { CONNECTING, IDLE, READY, TRANSIENT_FAILURE } = connectivityState;
const INSECURE = credentials.createInsecure();
const NO_CALL = undefined as unknown as ChannelCall;

let clock: FakeClock;
let leaks: LeakCheck;
let connections: ObservedConnection[];

beforeEach(() => {
  clock = new FakeClock();
  leaks = leakCheck({ clocks: [clock] });
  connections = [];
});

afterEach(async () => {
  vi.restoreAllMocks();
  const closed = Promise.all(connections.map((connection) => connection.close('the test is over')));
  await settled();
  clock.advance(100);
  await closed;
  await leaks.expectNothingLeft();
  expect(diagnosticsChannel('net.client.socket').hasSubscribers).toBe(false);
});

function connectionTo(target: string, settings: Partial<ObservedConnectionSettings> = {}): ObservedConnection {
  const connection = new ObservedConnection({ target, credentials: INSECURE, channelOptions: {}, clock, ...settings });
  connections.push(connection);
  return connection;
}

/** Records the TCP sockets that are opened during the rest of the test. */
function clientSockets(): Disposable & { readonly opened: readonly Socket[] } {
  const opened: Socket[] = [];
  const learn = (message: unknown): void => void opened.push((message as { socket: Socket }).socket);
  subscribe('net.client.socket', learn);
  return { opened, [Symbol.dispose]: () => void unsubscribe('net.client.socket', learn) };
}

/** Closes a connection without waiting for its fake clock. */
async function closeNow(connection: ObservedConnection): Promise<void> {
  const closed = connection.close('the test is over');
  await settled();
  clock.advance(100);
  await closed;
}

/** Connects and records each state; resolves with the first state that satisfies the predicate. */
function untilState(
  connection: ObservedConnection,
  wanted: connectivityState,
  onState: (state: connectivityState) => void = () => undefined,
): Promise<void> {
  return new Promise((resolve) => {
    connection.connect((state) => {
      onState(state);
      if (state === wanted) resolve();
    });
  });
}

interface Scene {
  readonly peer: ScriptedPeer;
  readonly far: PeerConnection;
  readonly connection: ObservedConnection;
  /** The reported states, each with the observations of the connection at that time. */
  readonly told: { state: connectivityState; session: string; goaway: string | undefined }[];
}

/** A connection that is ready. */
async function setUp(script: PeerScript = {}, settings: Partial<ObservedConnectionSettings> = {}): Promise<Scene> {
  const peer = await startScriptedPeer(script);
  const connection = connectionTo(peer.target, settings);
  const told: Scene['told'] = [];
  await untilState(connection, READY, (state) => {
    told.push({ state, session: connection.session, goaway: connection.goaway?.debugData });
  });
  return { peer, far: peer.connections[0] as PeerConnection, connection, told };
}

describe('ObservedConnection', () => {
  describe('with its own channel', () => {
    it('observes nothing before it is connected', () => {
      const connection = connectionTo('127.0.0.1:1');
      expect(connection).toMatchObject({
        session: 'unseen',
        serverLimit: undefined,
        peer: undefined,
        bytesRead: 0,
        isConnecting: false,
        goaway: undefined,
        error: undefined,
        nextStreamId: 0,
      });
      expect(connection.ask(() => undefined)).toBe(false);
      expect(connection.ping(() => undefined)).toBe(false);
      expect(connection.neverActedOn(NO_CALL, 1)).toBe(false);
    });

    it('observes its session before it reports READY', async () => {
      const { peer, connection, told } = await setUp({ settings: { maxConcurrentStreams: 7 } });
      await using _peer = peer;
      expect(told).toMatchObject([
        { state: CONNECTING, session: 'unseen' },
        { state: READY, session: 'open' },
      ]);
      expect(connection).toMatchObject({ serverLimit: 7, peer: peer.target, isConnecting: false, nextStreamId: 1 });
      expect(connection.bytesRead).toBeGreaterThan(0);
    });

    it('knows the lowest id of the next stream, also right after a call was started', async () => {
      const { peer, connection } = await setUp();
      await using _peer = peer;
      const listener = {
        onReceiveMetadata: () => undefined,
        onReceiveMessage: () => undefined,
        onReceiveStatus: () => undefined,
      };
      const numbers: number[] = [];
      for (let count = 0; count < 3; count += 1) {
        numbers.push(connection.nextStreamId);
        const call = connection.channel.createCall('/a/B', Infinity, null, null, null);
        call.start(new Metadata(), listener);
        call.halfClose();
      }
      await eventually(() => expect(connection.nextStreamId).toBe(7));
      expect(numbers).toEqual([1, 1, 1]);
    });

    it('asks the peer for a sign of life, and reports the answer', async () => {
      const { peer, connection } = await setUp();
      await using _peer = peer;
      const isAnswered = await new Promise((resolve) => expect(connection.ask(resolve)).toBe(true));
      expect(isAnswered).toBe(true);
    });

    it('asks nothing when its session is destroyed', async () => {
      const { peer, far, connection, told } = await setUp({ ackSettings: false });
      await using _peer = peer;
      const answers: boolean[] = [];
      expect(connection.ask((isAnswered) => answers.push(isAnswered))).toBe(true);
      far.end();
      await eventually(() => expect(told.at(-1)?.state).toBe(IDLE));
      expect(connection.session).toBe('destroyed');
      expect(connection.ask(() => undefined)).toBe(false);
      expect(connection.ping(() => undefined)).toBe(false);
      expect(answers).not.toContain(true);
    });

    it('sends PINGs up to the limit of Node, and reports their answers', async () => {
      const { peer, far, connection } = await setUp({ ackPings: false });
      await using _peer = peer;
      let ended = 0;
      let sent = 0;
      while (connection.ping(() => (ended += 1))) sent += 1;
      expect(sent).toBeGreaterThan(0);
      await far.waitFor(({ frames }) => frames.filter(({ kind }) => kind === 'ping').length === sent);
      for (const frame of far.frames) if (frame.kind === 'ping') far.send({ kind: 'ping-ack', data: frame.data });
      await eventually(() => expect(ended).toBe(sent));
    });

    it('knows the GOAWAY before it reports that READY has ended', async () => {
      const { peer, far, connection, told } = await setUp();
      await using _peer = peer;
      far.sendGoaway(0, 3, 'max_age');
      await eventually(() => expect(told.at(-1)?.state).toBe(IDLE));
      expect(told.at(-1)).toEqual({ state: IDLE, session: expect.not.stringMatching('open'), goaway: 'max_age' });
      expect(connection.goaway).toEqual({ code: 0, lastStreamId: 3, debugData: 'max_age' });
      expect([1, 3, 5].map((id) => connection.neverActedOn(NO_CALL, id))).toEqual([false, false, true]);
    });

    it('knows the error that closed its socket', async () => {
      const { peer, far, connection, told } = await setUp();
      await using _peer = peer;
      // No event is pending then that could be mistaken for the end of the socket.
      await new Promise((resolve) => connection.ask(resolve));
      far.reset();
      await eventually(() => expect(told.at(-1)?.state).toBe(IDLE));
      expect(connection.error?.message).toContain('ECONNRESET');
      expect(connection.session).toBe('destroyed');
    });

    it('never connects a second time, however often its channel is told to', async () => {
      const { peer, far, connection, told } = await setUp();
      await using _peer = peer;
      far.end();
      await eventually(() => expect(told.at(-1)?.state).toBe(IDLE));
      connection.channel.getConnectivityState(true);
      await settled();
      expect(peer.acceptedConnections).toBe(1);
    });

    it('reports a failed attempt', async () => {
      const peer = await startScriptedPeer();
      await peer[Symbol.asyncDispose]();
      await untilState(connectionTo(peer.target), TRANSIENT_FAILURE);
    });
  });

  describe('with several addresses', () => {
    const listOf = (...ports: number[]): string => `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;

    it.each([
      ['says no SETTINGS', startSilentPeer],
      ['answers no SYN', startUnansweredPeer],
    ])(
      'takes the second without any wait of ours when the first %s, and keeps nothing of the first',
      async (_, start) => {
        await using mute = await start();
        await using peer = await startScriptedPeer();
        const connection = connectionTo(listOf(mute.port, peer.port));
        using sockets = clientSockets();
        // The fake clock stands still: only the 250 ms timer of grpc-js runs.
        await untilState(connection, READY);
        expect(connection.peer).toBe(peer.target);
        await eventually(() => expect(sockets.opened.filter(({ closed }) => !closed)).toHaveLength(1));
        expect([sockets.opened.length, peer.openConnections]).toEqual([2, 1]);
      },
    );

    it('uses the second address when the first stalls in the TLS handshake', async () => {
      const certificate = await selfSignedCertificate();
      await using mute = await startSilentPeer();
      const server = createSecureServer(certificate);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const connection = connectionTo(listOf(mute.port, port), {
        credentials: credentials.createSsl(Buffer.from(certificate.cert)),
        channelOptions: { 'grpc.ssl_target_name_override': 'localhost' },
      });
      await untilState(connection, READY);
      expect(connection.peer).toBe(`127.0.0.1:${port}`);
      await mute.waitFor(
        ({ acceptedConnections, openConnections }) => acceptedConnections === 1 && openConnections === 0,
      );
      await closeNow(connection);
      server.close();
    });

    it('keeps one of two connections that are made in the same tick', async () => {
      await using first = await startScriptedPeer({ settings: 'never' });
      await using second = await startScriptedPeer({ settings: 'never' });
      const connection = connectionTo(listOf(first.port, second.port));
      using sockets = clientSockets();
      const destroyed: number[] = [];
      const isReady = untilState(connection, READY, () => {
        destroyed.push(sockets.opened.filter((socket) => socket.destroyed).length);
      });
      for (const peer of [first, second]) {
        await peer.waitFor(({ connections }) => (connections[0]?.frames.length ?? 0) > 0);
      }
      for (const peer of [first, second]) peer.connections[0]?.send({ kind: 'settings', settings: {} });
      await isReady;
      expect(destroyed.at(-1)).toBe(1);
      expect(connection.session).toBe('open');
      const kept = [first, second].filter(({ target }) => target === connection.peer);
      expect(kept).toHaveLength(1);
      for (const peer of [first, second]) {
        await peer.waitFor(({ openConnections }) => openConnections === (kept.includes(peer) ? 1 : 0));
      }
    });

    it('continues with the second address when the first connection is lost in its handshake', async () => {
      await using first = await startScriptedPeer({ settings: 'never' });
      await using second = await startScriptedPeer();
      const connection = connectionTo(listOf(first.port, second.port));
      const isReady = untilState(connection, READY);
      await first.waitFor(({ connections }) => (connections[0]?.frames.length ?? 0) > 0);
      first.connections[0]?.reset();
      await isReady;
      expect(connection.peer).toBe(second.target);
    });
  });

  describe('with a given channel', () => {
    it('observes only its sockets', async () => {
      const peer = await startScriptedPeer();
      await using _peer = peer;
      const channel = new Channel(peer.target, INSECURE, { 'grpc.use_local_subchannel_pool': 1 });
      const connection = connectionTo(peer.target, { channel });
      expect(connection.channel).toBe(channel);
      await untilState(connection, READY);
      expect(connection).toMatchObject({ session: 'unseen', serverLimit: undefined, peer: undefined, nextStreamId: 0 });
      expect(connection.bytesRead).toBeGreaterThan(0);
      expect(connection.ask(() => undefined)).toBe(false);
      expect(connection.ping(() => undefined)).toBe(false);
    });

    it('reports each state of the channel until it is closed', async () => {
      const channel = new ScriptedChannel(1);
      const connection = connectionTo(SCRIPTED_TARGET, { channel });
      const told: connectivityState[] = [];
      connection.connect((state) => told.push(state));
      for (const state of [READY, IDLE, READY]) channel.become(state);
      expect(told).toEqual([CONNECTING, READY, IDLE, READY]);
      connection.closeChannel();
      expect(told).toHaveLength(4);
      expect(await connection.close('it is not needed')).toBe(0);
      expect(channel).toMatchObject({ isClosed: true, misuse: [] });
    });

    it('warns when the channel cannot be closed, and tries once', () => {
      const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
      const channel = new ScriptedChannel(1);
      channel.close = () => {
        throw new Error('no');
      };
      const connection = connectionTo(SCRIPTED_TARGET, { channel });
      connection.closeChannel();
      connection.closeChannel();
      expect(warned).toHaveBeenCalledTimes(1);
      expect(warned).toHaveBeenCalledWith(
        expect.stringContaining(`a connection to ${SCRIPTED_TARGET} could not be closed: Error: no`),
        expect.anything(),
      );
    });
  });

  describe('when it is closed', () => {
    it('waits for the peer to close, and destroys nothing', async () => {
      const { peer, connection } = await setUp();
      await using _peer = peer;
      expect(await connection.close('it is not needed')).toBe(0);
      expect(clock.pendingTimers).toBe(0);
    });

    it('destroys the sockets that the peer does not close in time, once for all callers', async () => {
      const { peer, far, connection } = await setUp();
      await using _peer = peer;
      far.stopReading();
      const closed = connection.close('it is not needed');
      expect(connection.close('again')).toBe(closed);
      await settled();
      clock.advance(99);
      await settled();
      expect(connection.session).not.toBe('unseen');
      expect(clock.pendingTimers).toBe(1);
      clock.advance(1);
      expect(await closed).toBe(1);
    });

    it('destroys a socket that is not ready at once', async () => {
      await using silent = await startSilentPeer();
      const connection = connectionTo(silent.target);
      connection.connect(() => undefined);
      await silent.waitFor(({ receivedBytes }) => receivedBytes > 0);
      const closed = connection.close('nobody waits');
      await settled();
      clock.advance(0);
      expect(await closed).toBe(1);
    });
  });
});

describe('peerOf', () => {
  it.each([
    [{ remoteAddress: '127.0.0.1', remotePort: 80, remoteFamily: 'IPv4' }, '127.0.0.1:80'],
    [{ remoteAddress: '::1', remotePort: 80, remoteFamily: 'IPv6' }, '[::1]:80'],
    [{ remoteAddress: undefined, remotePort: undefined, remoteFamily: undefined }, undefined],
  ])('is told as grpc-js does: %j', (socket, peer) => {
    expect(peerOf(socket)).toBe(peer);
  });
});
