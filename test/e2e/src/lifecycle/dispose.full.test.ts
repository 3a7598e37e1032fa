import {
  selfSignedCertificate,
  startEchoServer,
  startFaultProxy,
  startSilentPeer,
  startSilentTlsPeer,
  startUnansweredPeer,
  type FaultProxy,
} from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import type { PoolProgramMessage, PoolProgramOptions, PoolProgramReport } from './children/pool-program-contract.js';
import { Program } from './program.js';

const HANGING_CALLS = 30;
/** Longer than a test may take: a process that is held by an attempt does not end in time. */
const HOLDS_FOR_GOOD = { connectTimeoutMs: 600_000 };

class PoolProgram extends Program<PoolProgramMessage> {
  constructor(options: PoolProgramOptions) {
    super('lifecycle/children/pool-program', options);
  }

  /** Hears that the program does nothing more, and waits until it has ended by itself. */
  async exit(name: string): Promise<PoolProgramReport> {
    const leaving = await this.hear('leaving');
    const { code, atMs, output } = await this.ended();
    expect(code).toBe(0);
    console.log(`${name}: gone ${atMs - leaving.atMs} ms after`);
    return JSON.parse(output) as PoolProgramReport;
  }
}

/** A peer with whatever stands before it, as a program is to meet it. */
interface Peer {
  readonly target: string;
  readonly rootCertificate?: string;
  /** Counts the sockets, where it can see them. */
  readonly proxy?: FaultProxy;
  /** Waits until the calls are where this peer leaves them. */
  reached(program: PoolProgram): Promise<void>;
}

type PeerKind =
  'calls hang' | 'the peer is stopped' | 'no SETTINGS come' | 'the TLS handshake stalls' | 'no SYN is answered';

/** Hands the peer to the test and cleans up behind it. */
async function withPeer(kind: PeerKind, use: (peer: Peer) => Promise<void>): Promise<void> {
  await using things = new Things();
  switch (kind) {
    case 'calls hang':
    case 'the peer is stopped': {
      const server = things.add(await startEchoServer());
      const proxy = things.add(await startFaultProxy(server));
      return await use({
        target: proxy.target,
        proxy,
        async reached() {
          // Four connections of five streams: the rest waits.
          await server.waitFor((stats) => stats.openCalls === 20);
          if (kind === 'the peer is stopped') server.pause();
        },
      });
    }
    case 'no SETTINGS come':
    case 'the TLS handshake stalls': {
      const overTls = kind === 'the TLS handshake stalls';
      const silent = things.add(await (overTls ? startSilentTlsPeer() : startSilentPeer()));
      const proxy = things.add(await startFaultProxy(silent));
      return await use({
        target: proxy.target,
        proxy,
        ...(overTls ? { rootCertificate: (await selfSignedCertificate()).cert } : {}),
        reached: () => silent.waitFor(({ receivedBytes }) => receivedBytes > 0),
      });
    }
    case 'no SYN is answered': {
      const unanswered = things.add(await startUnansweredPeer());
      return await use({ target: unanswered.target, reached: async (program) => void (await program.hear('socket')) });
    }
  }
}

/** Disposes in reverse order; Node 20 has no AsyncDisposableStack. */
class Things implements AsyncDisposable {
  readonly #things: AsyncDisposable[] = [];
  add<Thing extends AsyncDisposable>(thing: Thing): Thing {
    this.#things.push(thing);
    return thing;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (const thing of this.#things.reverse()) await thing[Symbol.asyncDispose]();
  }
}

const FOUR_FULL = { minChannels: 4, maxChannels: 4, maxStreamsPerChannel: 5 };

const PEERS: readonly PeerKind[] = [
  'calls hang',
  'the peer is stopped',
  'no SETTINGS come',
  'the TLS handshake stalls',
  'no SYN is answered',
];

describe.each(PEERS)('leaving an `await using` block with onDispose cancel while %s', (kind) => {
  const options = {
    pool: { ...FOUR_FULL, ...HOLDS_FOR_GOOD, onDispose: 'cancel' },
    calls: [{ count: HANGING_CALLS, request: { hang: true } }],
    disposes: true,
    waits: true,
  } satisfies Omit<PoolProgramOptions, 'target'>;

  it('lets the process exit, each call with one status', async () => {
    await withPeer(kind, async (peer) => {
      await using program = new PoolProgram({ ...options, ...onlySettings(peer) });
      await program.hear('started');
      await peer.reached(program);
      program.tell({ kind: 'leave' });
      const report = await program.exit(kind);
      expect(report.endings).toHaveLength(HANGING_CALLS);
      expect(new Set(report.endings.map(({ code }) => code))).toEqual(
        // What was on a connection is cancelled, what waited is refused.
        new Set(
          kind === 'calls hang' || kind === 'the peer is stopped' ? ['CANCELLED', 'UNAVAILABLE'] : ['UNAVAILABLE'],
        ),
      );
    });
  });

  it('leaves no socket open, and no call without its status, although the process lives on', async () => {
    await withPeer(kind, async (peer) => {
      await using program = new PoolProgram({ ...options, ...onlySettings(peer), lingers: true });
      await program.hear('started');
      await peer.reached(program);
      program.tell({ kind: 'leave' });
      const left = await program.hear('left');
      expect(left).toMatchObject({ openSockets: 0, endedCalls: HANGING_CALLS });
      await peer.proxy?.waitFor(({ openConnections }) => openConnections === 0);
      expect(program.isGone).toBe(false);
      if (peer.proxy !== undefined) expect(peer.proxy.acceptedConnections).toBeGreaterThan(0);
      program.tell({ kind: 'go' });
      const { madeSockets, openSockets } = await program.exit(kind);
      expect(openSockets).toBe(0);
      // Nothing was opened again while the pool closed.
      if (madeSockets !== null && peer.proxy !== undefined) {
        expect(peer.proxy.acceptedConnections).toBe(madeSockets);
      }
    });
  });
});

function onlySettings({ target, rootCertificate }: Peer): Pick<PoolProgramOptions, 'target' | 'rootCertificate'> {
  return { target, ...(rootCertificate === undefined ? {} : { rootCertificate }) };
}

describe('leaving an `await using` block with onDispose drain', () => {
  it('lets what is in flight and what waits finish, then the process exits', async () => {
    await using server = await startEchoServer();
    await using proxy = await startFaultProxy(server);
    await using program = new PoolProgram({
      target: proxy.target,
      pool: { ...FOUR_FULL, onDispose: 'drain' },
      calls: [{ count: 30, request: { delayMs: 300 } }],
      disposes: true,
      waits: true,
    });
    await server.waitFor(({ openCalls }) => openCalls === 20);
    program.tell({ kind: 'leave' });
    const left = await program.hear('left');
    expect(left).toMatchObject({ openSockets: 0, endedCalls: 30 });
    const { endings } = await program.exit('drain of 30 calls of 300 ms');
    expect(endings.map(({ code }) => code)).toEqual(Array(30).fill('OK'));
    expect(proxy.acceptedConnections).toBe(4);
  });

  it.each(PEERS)(
    'cancels what has not finished within drainTimeoutMs while %s, and lets the process exit',
    async (kind) => {
      await withPeer(kind, async (peer) => {
        await using program = new PoolProgram({
          ...onlySettings(peer),
          pool: { ...FOUR_FULL, onDispose: 'drain', drainTimeoutMs: 200 },
          calls: [{ count: HANGING_CALLS, request: { hang: true } }],
          disposes: true,
          waits: true,
        });
        await program.hear('started');
        await peer.reached(program);
        program.tell({ kind: 'leave' });
        expect(await program.hear('left')).toMatchObject({ openSockets: 0, endedCalls: HANGING_CALLS });
        await program.exit(`drain of 200 ms while ${kind}`);
      });
    },
  );
});

describe('a process that never disposes its client', () => {
  let closedPort: { target: string };

  /** Nothing listens there: connection attempts are refused at once. */
  async function refusedTarget(): Promise<string> {
    if (closedPort === undefined) {
      await using silent = await startSilentPeer();
      closedPort = { target: silent.target };
    }
    return closedPort.target;
  }

  it('is not held by four idle connections', async () => {
    await using server = await startEchoServer();
    await using proxy = await startFaultProxy(server);
    await using program = new PoolProgram({
      target: proxy.target,
      pool: { minChannels: 4, maxChannels: 4 },
      calls: [{ count: 8, request: {} }],
      waits: true,
    });
    await server.waitFor(({ sessions, finishedCalls }) => sessions === 4 && finishedCalls === 8);
    program.tell({ kind: 'leave' });
    const { endings, madeSockets, openSockets } = await program.exit('four idle connections');
    expect(endings).toHaveLength(8);
    if (madeSockets !== null) expect(openSockets).toBe(4);
  });

  it.each(PEERS.slice(2))('is not held by a pool that connects in vain while %s', async (kind) => {
    await withPeer(kind, async (peer) => {
      await using program = new PoolProgram({
        ...onlySettings(peer),
        pool: HOLDS_FOR_GOOD,
        connects: true,
        waits: true,
      });
      await program.hear('socket');
      program.tell({ kind: 'leave' });
      await program.exit(`connecting in vain, ${kind}`);
    });
  });

  it.each(PEERS.slice(2))(
    'is not held by the attempt that is left when its calls have ended while %s',
    async (kind) => {
      await withPeer(kind, async (peer) => {
        await using program = new PoolProgram({
          ...onlySettings(peer),
          pool: HOLDS_FOR_GOOD,
          calls: [{ count: 3, request: {}, deadlineMs: 200 }],
        });
        const { endings } = await program.exit(`calls with a deadline of 200 ms, ${kind}`);
        expect(endings.map(({ code }) => code)).toEqual(Array(3).fill('DEADLINE_EXCEEDED'));
      });
    },
  );

  it('is not held by a pool that is refused and backs off', async () => {
    await using program = new PoolProgram({ target: await refusedTarget(), connects: true });
    await program.exit('backing off');
  });

  it('is held by a call that waits for a full connection, until it has its status', async () => {
    await using server = await startEchoServer();
    await using program = new PoolProgram({
      target: server.target,
      pool: { maxChannels: 1, maxStreamsPerChannel: 1 },
      calls: [{ count: 3, request: { delayMs: 50 } }],
    });
    expect((await program.exit('three calls of 50 ms, one at a time')).endings).toEqual(Array(3).fill({ code: 'OK' }));
  });

  it('is held by a call that waits for a stopped server, until its deadline', async () => {
    await using server = await startEchoServer();
    server.pause();
    await using program = new PoolProgram({
      target: server.target,
      calls: [{ count: 3, request: {}, deadlineMs: 300 }],
    });
    const { endings } = await program.exit('waiting for SETTINGS, deadline 300 ms');
    expect(endings).toEqual(Array(3).fill({ code: 'DEADLINE_EXCEEDED' }));
  });

  it('is held by a waitForReady call while the pool backs off, until its deadline', async () => {
    await using program = new PoolProgram({
      target: await refusedTarget(),
      calls: [{ request: {}, waitForReady: true, deadlineMs: 400 }],
    });
    const { endings } = await program.exit('waitForReady in backoff, deadline 400 ms');
    expect(endings).toEqual([{ code: 'DEADLINE_EXCEEDED' }]);
  });

  it('is held by a waitForReady call without a deadline, until maxQueueTimeMs', async () => {
    await using program = new PoolProgram({
      target: await refusedTarget(),
      pool: { queue: { maxQueueTimeMs: 400 } },
      calls: [{ request: {}, waitForReady: true }],
    });
    const { endings } = await program.exit('waitForReady in backoff, maxQueueTimeMs 400');
    expect(endings).toEqual([{ code: 'RESOURCE_EXHAUSTED', refusedBy: 'queue-time' }]);
  });

  it('is held by a waitForReady call while the pool backs off, until there is a server', async () => {
    await using server = await startEchoServer();
    // Several at once: the moment at which the server comes back meets an attempt here and a pause there.
    const endings = await Promise.all(
      Array.from({ length: 4 }, async (_, index) => {
        await using proxy = await startFaultProxy(server);
        proxy.refuseNew();
        await using program = new PoolProgram({
          target: proxy.target,
          pool: { channelOptions: { 'grpc.initial_reconnect_backoff_ms': 100, 'grpc.max_reconnect_backoff_ms': 100 } },
          calls: [{ request: {}, waitForReady: true }],
        });
        await program.hear('started');
        await program.hear('socket');
        await program.hear('socket');
        await proxy.acceptNew();
        return (await program.exit(`waitForReady until a server came, ${index + 1}`)).endings;
      }),
    );
    expect(endings).toEqual(Array(4).fill([{ code: 'OK' }]));
  });

  it('is held by an ordinary call to a dead server only until that has failed', async () => {
    await using program = new PoolProgram({ target: await refusedTarget(), calls: [{ count: 3, request: {} }] });
    const { endings } = await program.exit('ordinary calls, refused');
    expect(endings).toEqual(
      Array(3).fill({ code: 'UNAVAILABLE', refusedBy: 'no-connection', fault: 'connect-failed' }),
    );
  });

  it.each(PEERS.slice(2))('is held by an ordinary call while %s, until connectTimeoutMs', async (kind) => {
    await withPeer(kind, async (peer) => {
      await using program = new PoolProgram({
        ...onlySettings(peer),
        pool: { connectTimeoutMs: 300 },
        calls: [{ count: 3, request: {} }],
      });
      const { endings } = await program.exit(`connectTimeoutMs 300, ${kind}`);
      expect(endings).toEqual(
        Array(3).fill({ code: 'UNAVAILABLE', refusedBy: 'no-connection', fault: 'connect-timeout' }),
      );
    });
  });
});
