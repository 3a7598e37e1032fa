import { openRaw } from '../clients/raw.js';
import type { UnaryClient } from '../clients/unary-client.js';
import type { OverloadStep } from './overload-report.js';

/** A client, and what its queue tells of itself when it has one. */
export interface OverloadClient extends UnaryClient {
  queue?(): Pick<OverloadStep, 'inFlight' | 'queued' | 'limit'>;
}

/** Opens the client that a variant is named after. @throws Error for any other name. */
export function openOverloadClient(variant: string, port: number): OverloadClient {
  switch (variant) {
    case 'raw':
      return openRaw(port);
    default:
      throw new Error(`There is no client ${variant}`);
  }
}
