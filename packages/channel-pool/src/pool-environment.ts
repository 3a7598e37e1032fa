import type { systemClock, systemRandom } from '@grpc-manifold/core/internal';

/** What a pool lives in: what it tells the time and draws lots by, for tests; and who else opens connections. */
export interface ChannelPoolEnvironment {
  readonly clock?: typeof systemClock;
  readonly random?: typeof systemRandom;
  /**
   * Asked before a connection is opened. Returns nothing when it may be, else a promise of whether it then may; the
   * pool looks again then whether it needs one. Default: it may.
   */
  readonly beforeOpening?: () => Promise<boolean> | undefined;
  /** Told before any listener, and before it is so, that the pool opens another connection because load asks for it. */
  readonly onGrowth?: () => void;
  /** Called when nobody refers to the pool any more and its connections are closed. Must not lead to the pool. */
  readonly onCollected?: () => unknown;
  /**
   * Resets that each connection may send at once; for tests: the budget is just inside what servers bear. Default 800.
   */
  readonly resetBurst?: number;
}
