import type { ChannelOptions } from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';
import type { CredentialsRecipe } from '../crossing/credentials-recipe.js';

/** Who is at the other end of a connection; grpc-js exports no name for it. */
export type AuthContext = NonNullable<ReturnType<ChannelCall['getAuthContext']>>;

/** What a thread is told now and then, in its place among the batches. Cloned as it is. */
export type Order =
  | {
      readonly kind: 'open';
      readonly channel: number;
      readonly target: string;
      readonly options: ChannelOptions;
      readonly credentials: CredentialsRecipe;
      /** It is to make one connection in its life, as members of a pool do; else it connects again whenever it must. */
      readonly isOnce: boolean;
    }
  | { readonly kind: 'connect' | 'close-channel'; readonly channel: number }
  | { readonly kind: 'close'; readonly channel: number; readonly reason: string }
  | { readonly kind: 'ask' | 'ping'; readonly channel: number; readonly question: number };

/** What a thread tells now and then. */
export type News =
  | { readonly kind: 'started' }
  /** The channel could not be made. */
  | { readonly kind: 'refused'; readonly channel: number; readonly error: string }
  | { readonly kind: 'answer'; readonly channel: number; readonly question: number; readonly isAnswered: boolean }
  | { readonly kind: 'closed'; readonly channel: number; readonly forcedSockets: number }
  | { readonly kind: 'peer'; readonly channel: number; readonly peer: string }
  | { readonly kind: 'auth'; readonly channel: number; readonly context: AuthContext };
