import { aimdLimit, fixedLimit, gradientLimit, vegasLimit, type ConcurrencyLimit } from 'grpc-manifold';
import { openBoundedQueue } from '../clients/bounded-queue.js';
import { openRaw } from '../clients/raw.js';
import type { UnaryClient } from '../clients/unary-client.js';
import type { OverloadStep } from './overload-report.js';

/** A client, and what its queue tells of itself when it has one. */
export interface OverloadClient extends UnaryClient {
  queue?(): Pick<OverloadStep, 'inFlight' | 'queued' | 'limit'>;
}

const LIMITS: Readonly<Record<string, () => ConcurrencyLimit>> = {
  gradient: () => gradientLimit(),
  'pooled gradient': () => gradientLimit(),
  vegas: () => vegasLimit(),
  aimd: () => aimdLimit(),
  'fixed 20': () => fixedLimit(20),
  'fixed 500': () => fixedLimit(500),
};

/** Opens the client that a variant is named after. @throws Error for any other name. */
export function openOverloadClient(variant: string, port: number): OverloadClient {
  if (variant === 'raw') return openRaw(port);
  const limit = LIMITS[variant]?.();
  if (limit === undefined) throw new Error(`There is no client ${variant}`);
  const { interceptor, ...client } = openBoundedQueue(port, limit, { pooled: variant.startsWith('pooled') });
  return {
    ...client,
    queue: () => {
      const stats = interceptor.stats();
      return { inFlight: stats.inFlightCalls, queued: stats.queuedCalls, limit: stats.limit };
    },
  };
}
