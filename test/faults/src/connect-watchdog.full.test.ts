import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { credentials } from '@grpc/grpc-js';
import {
  leakCheck,
  selfSignedCertificate,
  startFaultProxy,
  startSilentAfterTlsPeer,
  startSilentPeer,
  startSilentTlsPeer,
  type EchoServer,
  type LeakCheck,
  type SilentPeer,
} from '@grpc-manifold/testing';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StalledClientOptions } from './children/stalled-client-contract.js';
import { Scene } from './scene.js';
import { Servers } from './servers.js';
import { trusting } from './trusting.js';

const run = promisify(execFile);
/** Compiled: Node 20 does not run TypeScript. */
const PROGRAM = fileURLToPath(new URL('../dist/children/stalled-client.js', import.meta.url));

const servers = new Servers();
/** Longer than a handshake takes on a busy machine, for those that are to succeed. */
const CONNECT_TIMEOUT_MS = 1_000;
/** Longer than the pool lets a socket take to close, so that attempts do not overlap. */
const BACKOFF_MS = 200;

/** Where a connection comes to a stop, and who would have answered. */
const SILENCES: readonly {
  readonly where: string;
  readonly start: () => Promise<SilentPeer>;
  readonly isTls: boolean;
}[] = [
  { where: 'after TCP', start: startSilentPeer, isTls: false },
  { where: 'during the TLS handshake', start: startSilentTlsPeer, isTls: true },
  {
    where: 'after the TLS handshake',
    start: async () => startSilentAfterTlsPeer(await selfSignedCertificate()),
    isTls: true,
  },
];

let leaks: LeakCheck;

afterAll(() => servers[Symbol.asyncDispose]());

describe.each(SILENCES)('a peer that is silent $where', ({ start, isTls }) => {
  let server: EchoServer;

  beforeEach(async () => {
    server = isTls ? await servers.tls('valid') : await servers.plain();
    leaks = leakCheck();
  });
  afterEach(() => leaks.expectNothingLeft());

  async function open(): Promise<{ scene: Scene; peer: SilentPeer }> {
    const peer = await start();
    const secured = isTls ? await trusting() : { credentials: credentials.createInsecure(), pool: {} };
    const scene = await Scene.open({
      upstream: server,
      credentials: secured.credentials,
      pool: {
        minChannels: 1,
        maxChannels: 1,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        channelOptions: {
          ...secured.pool.channelOptions,
          'grpc.initial_reconnect_backoff_ms': BACKOFF_MS,
          'grpc.max_reconnect_backoff_ms': BACKOFF_MS,
        },
      },
    });
    scene.own(peer);
    scene.outage = scene.detourTo(peer);
    await scene.outage.begin();
    return { scene, peer };
  }

  it('fails a call as connect-timeout', async () => {
    const { scene, peer } = await open();
    await using _ = scene;
    const { code, explanation } = await scene.begin('no other connection', 'unary').outcome;
    expect(code).toBe('UNAVAILABLE');
    expect(explanation).toMatchObject({ refusedBy: 'no-connection', fault: { tag: 'connect-timeout' } });
    expect(explanation?.fault?.detail).toContain(`connectTimeoutMs ${CONNECT_TIMEOUT_MS}`);
    expect(scene.pool.stats().lastFault?.tag).toBe('connect-timeout');
    // A ClientHello, or the preface of HTTP/2 where there is nothing before it.
    expect(peer.receivedBytes).toBeGreaterThan(0);
  });

  it('sees its socket closed', async () => {
    const { scene, peer } = await open();
    await using _ = scene;
    const [first] = await Promise.all([
      scene.begin('no other connection', 'unary').outcome,
      peer.waitFor(({ acceptedConnections }) => acceptedConnections === 1),
    ]);
    expect(first.code).toBe('UNAVAILABLE');
    // Also the proxy between the two: whoever sits in the middle is not left with half a connection.
    await scene.proxy.waitFor(({ closedConnections }) => closedConnections >= 1);
    await peer.waitFor(({ acceptedConnections, openConnections }) => openConnections < acceptedConnections);
  });

  it('is tried again after a backoff, with one connection at a time', async () => {
    const { scene, peer } = await open();
    await using _ = scene;
    const patient = scene.begin('wait for ready', 'unary', { waitForReady: true });
    await scene.until(() => scene.failedAttempts === 2);
    expect(scene.proxy.acceptedConnections).toBeGreaterThanOrEqual(2);
    expect(scene.proxy.peakConnections).toBe(1);
    expect(patient.endings).toBe(0);
    await scene.outage.end();
    expect((await patient.outcome).code).toBe('OK');
    expect(peer.acceptedConnections).toBeGreaterThanOrEqual(2);
  });
});

describe('connectTimeoutMs', () => {
  it.each(SILENCES)(
    'passes, and nothing holds the process after it: a peer that is silent $where',
    async ({ start, isTls }) => {
      await using peer = await start();
      const { target } = peer;
      const { cert } = await selfSignedCertificate();
      const options: StalledClientOptions = {
        target,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        ...(isTls ? { rootCertificate: cert } : {}),
      };
      const { stdout } = await run(process.execPath, [PROGRAM, JSON.stringify(options)], { timeout: 10_000 });
      expect(stdout.trim()).toBe('connect-timeout');
      await peer.waitFor(({ openConnections }) => openConnections === 0);
      expect(peer.acceptedConnections).toBe(1);
    },
  );

  it('holds for a proxy that accepts and leads nowhere', async () => {
    const server = await servers.plain();
    using watch = leakCheck();
    {
      await using hole = await startFaultProxy(server, { onConnection: (connection) => connection.blackHole() });
      await using scene = await Scene.open({ upstream: hole, pool: { connectTimeoutMs: CONNECT_TIMEOUT_MS } });
      const { code, explanation } = await scene.begin('no other connection', 'unary').outcome;
      expect([code, explanation?.fault?.tag]).toEqual(['UNAVAILABLE', 'connect-timeout']);
    }
    await watch.expectNothingLeft();
  });
});
