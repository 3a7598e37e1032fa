import { credentials } from '@grpc/grpc-js';
import { FakeClock, settled, until, type PeerConnection, type ScriptedPeer } from '@grpc-manifold/testing';
import { ChannelPool, type ChannelPoolOptions } from 'grpc-manifold';

const STEP_MS = 100;

/** A pool on real sockets whose time goes by when the test says so. */
export class StillPool {
  readonly clock = new FakeClock();
  readonly pool: ChannelPool;

  constructor(
    readonly peer: ScriptedPeer,
    options: ChannelPoolOptions,
    /** Time goes by itself after all: what happens between threads cannot be told by a clock that stands still. */
    private readonly isReal = false,
  ) {
    const environment = isReal ? {} : { clock: this.clock };
    this.pool = new ChannelPool(peer.target, credentials.createInsecure(), options, environment);
  }

  get first(): PeerConnection {
    return this.peer.connections[0] as PeerConnection;
  }

  /** State of a connection; 'closed' when it is not there any more. */
  stateOf(channelId: number): string {
    return this.pool.stats().channels.find(({ id }) => id === channelId)?.state ?? 'closed';
  }

  /**
   * Lets time go by until something is so. Connections that are being made, and what `meanwhile` returns, are waited
   * for while time stands still.
   *
   * @returns the milliseconds that it took.
   * @throws Error when it is not so after `mostMs`.
   */
  async passUntil(
    isSo: () => boolean,
    mostMs: number,
    meanwhile: (passedMs: number) => unknown = () => undefined,
  ): Promise<number> {
    if (this.isReal) await until('the scene', isSo);
    let passedMs = 0;
    for (; !isSo(); passedMs += STEP_MS) {
      if (passedMs >= mostMs) throw new Error(`it is not so after ${mostMs} ms`);
      await meanwhile(passedMs);
      this.clock.advance(STEP_MS);
      await settled();
      await until('the pool', () => this.pool.stats().channels.every(({ state }) => state !== 'connecting'));
    }
    return passedMs;
  }

  /** Destroys the pool. A socket whose peer is silent is destroyed by a timer. */
  async end(): Promise<void> {
    let isOver = false;
    const destroyed = this.pool.destroy().then(() => (isOver = true));
    while (!isOver) {
      this.clock.advance(STEP_MS);
      await settled();
    }
    await destroyed;
  }
}
