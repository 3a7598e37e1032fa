import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { currentTurn } from './turn.js';

it('returns the same turn in microtasks and ticks of one turn', async () => {
  await nextTurn();
  const turn = currentTurn();
  await Promise.resolve();
  expect(currentTurn()).toBe(turn);
  await new Promise<void>((resolve) => process.nextTick(resolve));
  expect(currentTurn()).toBe(turn);
});

it('returns another turn after an immediate', async () => {
  const turns = [];
  for (let count = 0; count < 3; count += 1) {
    turns.push(currentTurn());
    await nextTurn();
  }
  expect(new Set(turns).size).toBe(3);
});
