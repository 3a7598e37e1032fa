import type { ServerOptions } from '@grpc/grpc-js';
import type { EchoServerStats } from './echo-stats.js';

/** What the child process is to serve. Must survive structured JSON: it crosses a process boundary. */
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
  /** Where nginx tells how many connections it has. Only behind it. */
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
