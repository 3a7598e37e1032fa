import type { TransportFaultTag } from '@grpc-manifold/core';
import type { ProxiedConnection } from '@grpc-manifold/testing';
import type { Fault } from '../fault.js';
import { BYSTANDERS, Scene, VICTIM } from '../scene.js';

function ending(title: string, tag: TransportFaultTag, end: (connection: ProxiedConnection) => void): Fault {
  return {
    title,
    isLive: true,
    // Node keeps a reset to itself that it meets while it writes.
    ...(tag === 'reset' ? { mayBeToldAs: { dropped: 'reset' } } : {}),
    prepare: (servers) => servers.plain(),
    open: async (servers) => Scene.open({ upstream: await servers.plain() }),
    async play(scene, kind) {
      await scene.warmUp();
      await scene.standBy(BYSTANDERS);
      await scene.begun('in flight', kind, { member: VICTIM });
      // Node says of a reset only when it reads: one that meets an answer to a PING is a connection that was `dropped`.
      await scene.quiet();
      scene.struck();
      end(scene.connection(VICTIM));
      await scene.until(() => scene.touchedIds.length > 0);
      scene.begin('begun after', kind);
    },
    expected: () => ({
      saw: { 'in flight': `UNAVAILABLE ${tag}`, 'begun after': 'OK' },
      lastFault: tag,
      touched: 1,
      connections: 4,
    }),
  };
}

/** A connection ends by TCP. */
export const ENDINGS: readonly Fault[] = [
  ending('FIN', 'dropped', (connection) => connection.end()),
  ending('RST', 'reset', (connection) => connection.reset()),
];
