/** What the hanging server is told. */
export type HangingServerOrder =
  /** Say the counts. */
  | { readonly kind: 'counts' }
  /** Answer every unary call that hangs. */
  | { readonly kind: 'release' }
  /** End every stream of messages. */
  | { readonly kind: 'finish' };

/** What one connection of the hanging server has seen. */
export interface SessionCounts {
  readonly isOpen: boolean;
  readonly messageStreams: number;
  readonly hangingCalls: number;
  /** RST_STREAM frames that the client sent. */
  readonly clientResets: number;
}

/** What the hanging server says. */
export type HangingServerMessage =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'counts'; readonly sessions: readonly SessionCounts[] };
