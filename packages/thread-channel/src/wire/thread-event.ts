import type { ChannelCall } from '@grpc-manifold/core';

/** The auth context of a connection. grpc-js does not export this type. */
export type AuthContext = NonNullable<ReturnType<ChannelCall['getAuthContext']>>;

/** An event that a worker thread sends, between batches of records. Crosses by structured clone. */
export type ThreadEvent =
  | { readonly kind: 'started' }
  /** The channel could not be made. */
  | { readonly kind: 'refused'; readonly channel: number; readonly error: string }
  | { readonly kind: 'answer'; readonly channel: number; readonly question: number; readonly isAnswered: boolean }
  | { readonly kind: 'closed'; readonly channel: number; readonly forcedSockets: number }
  | { readonly kind: 'peer'; readonly channel: number; readonly peer: string }
  | { readonly kind: 'auth'; readonly channel: number; readonly context: AuthContext };
