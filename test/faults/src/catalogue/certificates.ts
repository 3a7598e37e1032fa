import type { CertificateKind, EchoServer } from '@grpc-manifold/testing';
import type { Fault } from '../fault.js';
import { Scene } from '../scene.js';
import type { Servers } from '../servers.js';
import { trusting } from '../trusting.js';
import { connectFault, GROWING } from './connect-fault.js';

function certificate(title: string, kind: CertificateKind): Fault {
  const start = (servers: Servers): Promise<[EchoServer, EchoServer]> =>
    Promise.all([servers.tls('valid'), servers.tls(kind)]);
  return connectFault({
    title,
    tag: 'tls',
    isLive: true,
    prepare: start,
    async open(servers) {
      const [upstream, wrong] = await start(servers);
      const { credentials, pool } = await trusting();
      const scene = await Scene.open({ upstream, credentials, pool: { ...GROWING, ...pool } });
      scene.outage = scene.detourTo(wrong, 1);
      return scene;
    },
  });
}

/** The other end shows a certificate that is not good. */
export const CERTIFICATES: readonly Fault[] = [
  certificate('certificate for another name', 'other-name'),
  certificate('certificate of an unknown issuer', 'unknown-issuer'),
  certificate('certificate expired', 'expired'),
];
