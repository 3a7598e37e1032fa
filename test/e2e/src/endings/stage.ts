import { hasSubscribers } from 'node:diagnostics_channel';
import { credentials, status } from '@grpc/grpc-js';
import {
  type EchoClient,
  type EchoServer,
  eventually,
  type FaultProxy,
  leakCheck,
  type LeakCheck,
  loadEchoPackage,
  startFaultProxy,
} from '@grpc-manifold/testing';
import { ChannelPool, createPooledClient, type ChannelPoolOptions, type PooledClient } from 'grpc-manifold';
import { expect } from 'vitest';
import type { Kind } from './call-kind.js';
import { RecordedCall, type CallStart } from './recorded-call.js';
import { watchedClock } from './watched-clock.js';

/** Where calls are brought to their ends: a pool of its own, a client over it, and a proxy before the server. */
export class Stage implements AsyncDisposable {
  readonly #blockers: RecordedCall[] = [];
  #isClosed = false;

  private constructor(
    readonly server: EchoServer | undefined,
    readonly proxy: FaultProxy,
    readonly pool: ChannelPool,
    readonly client: PooledClient<EchoClient>,
    private readonly leaks: LeakCheck,
    /** Calls that the server had open before: a test that failed may have left one. */
    private readonly openBefore: number,
    /** Calls that the server had finished before. */
    readonly finishedBefore: number,
    /** Whether somebody watched for sockets before: a pool must not do so longer than it lives. */
    private readonly isWatchedBefore: boolean,
  ) {}

  /** @param upstream where the proxy goes to. An echo server is asked for its counts as well. */
  static async open(upstream: EchoServer | { readonly port: number }, options?: ChannelPoolOptions): Promise<Stage> {
    const isWatched = hasSubscribers('net.client.socket');
    const clock = watchedClock();
    const leaks = leakCheck({ clocks: [clock], emitters: { process } });
    const proxy = await startFaultProxy(upstream);
    const pool = new ChannelPool(proxy.target, credentials.createInsecure(), options, { clock });
    const client = createPooledClient(loadEchoPackage().EchoClient, pool);
    const server = 'pid' in upstream ? upstream : undefined;
    const { openCalls = 0, finishedCalls = 0 } = (await server?.stats()) ?? {};
    return new Stage(server, proxy, pool, client, leaks, openCalls, finishedCalls, isWatched);
  }

  begin(kind: Kind, start?: CallStart): RecordedCall {
    return new RecordedCall(this.client, kind, start);
  }

  /** Waits until the server has this many calls of ours open. */
  async reached(openCalls = 1): Promise<void> {
    await this.server?.waitFor((now) => now.openCalls === this.openBefore + openCalls);
  }

  /** Takes every stream of a pool that has `streams` of them. */
  async fill(streams = 1): Promise<void> {
    for (let taken = 0; taken < streams; taken += 1) {
      this.#blockers.push(this.begin('bidi', { request: { hang: true } }));
    }
    await this.reached(streams);
  }

  /** Gives the streams back. */
  async release(): Promise<void> {
    const blockers = this.#blockers.splice(0);
    for (const blocker of blockers) blocker.cancel();
    for (const blocker of blockers) expect((await blocker.outcome).code).not.toBe(status.OK);
  }

  /**
   * Every call that was started has come to one end, and holds nothing any more: neither with us nor with the server.
   */
  async settled(): Promise<void> {
    await this.release();
    await eventually(() => {
      const now = this.pool.stats();
      expect([now.inFlightCalls, now.queuedCalls, now.queuedBytes]).toEqual([0, 0, 0]);
      expect(now.channels.map((member) => member.endingStreams + member.inFlightCalls)).toEqual(
        now.channels.map(() => 0),
      );
      expect(now.succeededCalls + now.failedCalls + now.shedCalls + now.cancelledCalls).toBe(now.startedCalls);
    });
    await this.reached(0);
  }

  /** Destroys the pool and looks for what it left behind. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.pool.destroy();
    await this.proxy.waitFor((now) => now.openConnections === 0);
    expect(this.pool.stats().channels).toEqual([]);
    await this.proxy[Symbol.asyncDispose]();
    await this.leaks.expectNothingLeft();
    expect(hasSubscribers('net.client.socket')).toBe(this.isWatchedBefore);
  }

  /** Cleans up after a test that did not come to its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.pool.destroy();
    await this.proxy[Symbol.asyncDispose]();
    await this.leaks.expectNothingLeft().catch(() => undefined);
  }
}
