import { credentials as grpcCredentials, type CallCredentials, type ChannelCredentials } from '@grpc/grpc-js';

/** What a thread makes channel credentials of: nothing in it but bytes and flags. */
export type CredentialsRecipe =
  | { readonly kind: 'insecure' }
  | {
      readonly kind: 'tls';
      readonly rootCerts: Uint8Array | null;
      readonly privateKey: Uint8Array | null;
      readonly certChain: Uint8Array | null;
      readonly rejectUnauthorized: boolean | undefined;
    };

/** What becomes of channel credentials on their way to a thread. */
export interface CrossingCredentials {
  readonly recipe: CredentialsRecipe;
  /** They stay where they are, and are asked from the thread. */
  readonly callCredentials: CallCredentials | undefined;
}

/** Makes, in the thread, the credentials that a recipe is of. */
export function credentialsOf(recipe: CredentialsRecipe): ChannelCredentials {
  if (recipe.kind === 'insecure') return grpcCredentials.createInsecure();
  const { rootCerts, privateKey, certChain, rejectUnauthorized } = recipe;
  const [root, key, chain] = [rootCerts, privateKey, certChain].map((pem) => (pem === null ? null : Buffer.from(pem)));
  return grpcCredentials.createSsl(root, key, chain, rejectUnauthorized === undefined ? {} : { rejectUnauthorized });
}
