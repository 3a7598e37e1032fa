import { systemClock } from './clock.js';

/** Callbacks of one turn of the event loop that do not wait for its I/O; the others do. */
const MOST_A_TURN = 100;

let left = MOST_A_TURN;

/**
 * Calls back when the code that runs now has ended, whatever it awaits that has settled included: a caller gets to
 * attach its listeners first, and need not wait for the I/O that is due. That is for 100 callbacks a turn of the
 * event loop; further ones come after its I/O, or a caller that answers each callback by something that leads to the next one
 * would keep the event loop to itself. Holds the process until then.
 */
export function promptly(callback: () => void): void {
  if (left === 0) return systemClock.soon(callback);
  if (left === MOST_A_TURN) systemClock.soon(startTurn);
  left -= 1;
  // A tick that is asked for by a microtask comes when there are no microtasks left.
  queueMicrotask(() => process.nextTick(callback));
}

function startTurn(): void {
  left = MOST_A_TURN;
}
