import type { Stage } from './stage.js';

const RealDate = Date;

/**
 * Lets the wall clock of this thread jump by some milliseconds; it jumps back when the case is over. The monotonic one
 * goes on.
 */
export function jumpWallClock(stage: Stage, byMs: number): void {
  globalThis.Date = class extends RealDate {
    constructor(...args: [] | [string | number | Date]) {
      if (args.length === 0) super(RealDate.now() + byMs);
      else super(...args);
    }

    static override now(): number {
      return RealDate.now() + byMs;
    }
  } as DateConstructor;
  stage.after(() => (globalThis.Date = RealDate));
}
