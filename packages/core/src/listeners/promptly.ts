import { systemClock } from '../time/clock.js';
import { currentTurn } from '../time/turn.js';

/** Callbacks of one turn of the event loop that do not wait for its I/O; the others do. */
const MOST_A_TURN = 100;

let turn = -1;
let left = 0;

/**
 * Calls back when the code that runs now has ended, whatever it awaits that has settled included: a caller gets to
 * attach its listeners first, and need not wait for the I/O that is due. That is for 100 callbacks a turn of the event
 * loop; further ones come after its I/O, or a caller that answers each callback by something that leads to the next one
 * would keep the event loop to itself. Holds the process until then.
 */
export function promptly(callback: () => void): void {
  const now = currentTurn();
  if (turn !== now) {
    turn = now;
    left = MOST_A_TURN;
  }
  if (left === 0) return systemClock.soon(callback);
  left -= 1;
  // A tick that is asked for by a microtask comes when there are no microtasks left.
  queueMicrotask(() => process.nextTick(callback));
}
