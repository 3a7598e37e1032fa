import { systemClock } from './clock.js';

let turn = 0;
let isWatched = false;

/**
 * Numbers the turns of the event loop, as far as anybody asks: two answers are alike when nothing but the code that
 * runs, its microtasks and ticks, and callbacks of I/O of the same turn came between. One immediate for each turn in
 * which it is asked; holds the process until then.
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
