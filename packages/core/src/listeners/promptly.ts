import { systemClock } from '../time/clock.js';
import { currentTurn } from '../time/turn.js';

/** The number of callbacks in one turn of the event loop that run before its I/O. */
const MOST_A_TURN = 100;

let turn = -1;
let left = 0;

/**
 * Calls back after the current synchronous code and its pending microtasks, and before the next I/O. A caller can
 * attach its listeners first. Only 100 callbacks in one turn of the event loop run before its I/O; the others run after
 * it. Without this limit, a caller that reacts to each callback with an action that leads to the next one would block
 * the event loop. Keeps the process alive until the callback.
 */
export function promptly(callback: () => void): void {
  const now = currentTurn();
  if (turn !== now) {
    turn = now;
    left = MOST_A_TURN;
  }
  if (left === 0) return systemClock.soon(callback);
  left -= 1;
  // A tick that a microtask schedules runs when no microtasks are left.
  queueMicrotask(() => process.nextTick(callback));
}
