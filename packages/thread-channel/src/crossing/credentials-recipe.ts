import { credentials as grpcCredentials, type CallCredentials, type ChannelCredentials } from '@grpc/grpc-js';

/** How a thread makes channel credentials. Has only bytes and flags, so that it can be cloned. */
export type CredentialsRecipe =
  | { readonly kind: 'insecure' }
  | {
      readonly kind: 'tls';
      readonly rootCerts: Uint8Array | null;
      readonly privateKey: Uint8Array | null;
      readonly certChain: Uint8Array | null;
      readonly rejectUnauthorized: boolean | undefined;
    };

/** Channel credentials, divided into the part for the thread and the part for the calling thread. */
export interface CrossingCredentials {
  readonly recipe: CredentialsRecipe;
  /** Stay on the calling thread. The thread asks them for metadata. */
  readonly callCredentials: CallCredentials | undefined;
}

/** Makes the channel credentials of a recipe; called in the thread. */
export function credentialsOf(recipe: CredentialsRecipe): ChannelCredentials {
  if (recipe.kind === 'insecure') return grpcCredentials.createInsecure();
  const { rootCerts, privateKey, certChain, rejectUnauthorized } = recipe;
  const [root, key, chain] = [rootCerts, privateKey, certChain].map((pem) => (pem === null ? null : Buffer.from(pem)));
  return grpcCredentials.createSsl(root, key, chain, rejectUnauthorized === undefined ? {} : { rejectUnauthorized });
}
