import type { ServerOptions } from '@grpc/grpc-js';
import type { EchoServerStats } from './echo-stats.js';

/** The settings of the server process. They are sent as JSON. */
export interface EchoServerSettings {
  readonly host: string;
  readonly port: number;
  readonly delayMs: number;
  readonly maxConcurrentStreams?: number;
  readonly maxConnectionAgeMs?: number;
  readonly maxConnectionAgeGraceMs?: number;
  readonly keepaliveEnforcement?: { readonly minTimeMs: number; readonly permitWithoutStream?: boolean };
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly serverOptions: ServerOptions;
  /** The socket on which nginx reports its connections. Only for a server behind nginx. */
  readonly statusSocket?: string;
}

/** From the parent to the child. */
export type EchoServerMessage =
  | { readonly kind: 'start'; readonly settings: EchoServerSettings }
  | { readonly kind: 'stats'; readonly id: number }
  | { readonly kind: 'limit'; readonly maxConcurrentStreams: number };

/** From the child to the parent. */
export type EchoServerReply =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'stats'; readonly id: number; readonly stats: EchoServerStats };
