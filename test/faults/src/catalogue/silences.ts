import { startSilentPeer, startSilentTlsPeer, type SilentPeer } from '@grpc-manifold/testing';
import type { Fault } from '../fault.js';
import { Scene, type SceneSetting } from '../scene.js';
import type { Servers } from '../servers.js';
import { trusting } from '../trusting.js';
import { connectFault, GROWING } from './connect-fault.js';

function silence(
  title: string,
  start: () => Promise<SilentPeer>,
  setting: (servers: Servers) => Promise<SceneSetting>,
): Fault {
  return connectFault({
    title,
    tag: 'connect-timeout',
    isLive: true,
    prepare: setting,
    async open(servers) {
      const { pool, ...rest } = await setting(servers);
      const scene = await Scene.open({ ...rest, pool: { ...GROWING, ...pool } });
      scene.outage = scene.detourTo(scene.own(await start()), 1);
      return scene;
    },
  });
}

/** The other end accepts a connection and then says nothing. */
export const SILENCES: readonly Fault[] = [
  silence('SETTINGS never', startSilentPeer, async (servers) => ({ upstream: await servers.plain() })),
  silence('TLS handshake stalls', startSilentTlsPeer, async (servers) => ({
    upstream: await servers.tls('valid'),
    ...(await trusting()),
  })),
];
