import type { ChannelOptions } from '@grpc/grpc-js';
import type { CredentialsRecipe } from '../crossing/credentials-recipe.js';

/** A command to a thread, sent between batches of records. Crosses by structured clone. */
export type Command =
  | {
      readonly kind: 'open';
      readonly channel: number;
      readonly target: string;
      readonly options: ChannelOptions;
      readonly credentials: CredentialsRecipe;
      /** True for a channel that makes one connection in its life, as members of a pool do. Others reconnect. */
      readonly isOnce: boolean;
    }
  | { readonly kind: 'connect' | 'close-channel'; readonly channel: number }
  | { readonly kind: 'close'; readonly channel: number; readonly reason: string }
  | { readonly kind: 'ask' | 'ping'; readonly channel: number; readonly question: number };
