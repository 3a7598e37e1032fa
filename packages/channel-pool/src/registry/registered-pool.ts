import { OnceWarnings } from '@grpc-manifold/core/internal';
import { ChannelPool, type DrainOptions } from '../channel-pool.js';
import type { DrainReport } from '../reports/stats.js';

const REFUSAL =
  'ChannelPoolRegistry: this pool is shared with other leases and belongs to its registry; dispose the lease instead';

/** A pool that a registry lends to many: none of them can close it for the others. */
export class RegisteredPool extends ChannelPool {
  #isLent = true;
  readonly #warnings = new OnceWarnings();

  /** Does nothing but warn, once: a client that has the pool for its channel calls it when it is closed itself. */
  override close(): void {
    if (!this.#isLent) {
      super.close();
    } else {
      this.#warnings.warn('close', `${REFUSAL}, and make clients by createPooledClient(Client, lease.pool)`);
    }
  }

  /** Rejects: only the registry may. */
  override drain(options?: DrainOptions): Promise<DrainReport> {
    return this.#isLent ? Promise.reject(new Error(REFUSAL)) : super.drain(options);
  }

  /** Rejects: only the registry may. */
  override destroy(reason?: string): Promise<DrainReport> {
    return this.#isLent ? Promise.reject(new Error(REFUSAL)) : super.destroy(reason);
  }

  /** For the registry: takes the pool back, so that it can be closed. */
  takeBack(): this {
    this.#isLent = false;
    return this;
  }
}
