import { systemClock } from './clock.js';

let turn = 0;
let isWatched = false;

/**
 * Returns the number of the current turn of the event loop. Two calls return the same number when only synchronous
 * code, microtasks, ticks and I/O callbacks of one turn ran between them. Turns without a call are not counted. Each
 * turn with a call schedules one immediate, which keeps the process alive until it runs.
 */
export function currentTurn(): number {
  if (!isWatched) {
    isWatched = true;
    systemClock.soon(endTurn);
  }
  return turn;
}

function endTurn(): void {
  isWatched = false;
  turn += 1;
}
