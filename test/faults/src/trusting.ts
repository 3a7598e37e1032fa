import { credentials } from '@grpc/grpc-js';
import { selfSignedCertificate } from '@grpc-manifold/testing';
import type { SceneSetting } from './scene.js';

/**
 * A client that trusts whoever signed each certificate but the one of an unknown issuer, so that one thing only is
 * wrong.
 */
export async function trusting(): Promise<Required<Pick<SceneSetting, 'credentials' | 'pool'>>> {
  const kinds = ['valid', 'expired', 'other-name'] as const;
  const roots = await Promise.all(kinds.map(async (kind) => (await selfSignedCertificate(kind)).cert));
  return {
    credentials: credentials.createSsl(Buffer.from(roots.join('\n'))),
    pool: { channelOptions: { 'grpc.ssl_target_name_override': 'localhost' } },
  };
}
