import type { TransportFaultTag } from '@grpc-manifold/core';
import type { Kind } from '../call-kind.js';
import type { Fault } from '../fault.js';
import { POOL_SIZE, type Scene } from '../scene.js';

/** A fault that keeps connections from being made while there is the outage of its scene. */
export interface ConnectFault extends Pick<Fault, 'title' | 'isLive' | 'prepare' | 'open'> {
  /** What callers are told. */
  readonly tag: TransportFaultTag;
  /** Whether an attempt gets as far as to the proxy. Default true. */
  readonly reachesProxy?: boolean;
}

/** Options of a pool whose connections are opened by and by. */
export const GROWING = { minChannels: 1, connectTimeoutMs: 1_000 } as const;

/** First strikes a pool that has no connection, then one that has two and wants a third. */
async function play(scene: Scene, kind: Kind): Promise<void> {
  await scene.outage.begin();
  const first = scene.begin('no other connection', kind);
  const patient = scene.begin('wait for ready', kind, { waitForReady: true });
  await first.outcome;
  await scene.outage.end();
  await patient.outcome;
  scene.pool.update({ minChannels: 2 });
  await scene.warmUp(2);
  await scene.standBy(scene.readyIds);
  await scene.outage.begin();
  scene.struck();
  const failed = scene.failedAttempts;
  scene.pool.update({ minChannels: POOL_SIZE });
  await scene.until(() => scene.failedAttempts > failed);
  await scene.outage.end();
  scene.over();
  scene.begin('other connections', kind);
}

/** What becomes of calls while connections cannot be made. */
export function connectFault({ tag, reachesProxy = true, ...fault }: ConnectFault): Fault {
  return {
    ...fault,
    play,
    expected: () => ({
      saw: { 'no other connection': `UNAVAILABLE ${tag}`, 'wait for ready': 'OK', 'other connections': 'OK' },
      lastFault: tag,
      touched: 0,
      connections: POOL_SIZE + (reachesProxy ? 2 : 0),
    }),
  };
}
