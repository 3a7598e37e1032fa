import { describe, expect, it } from 'vitest';
import { Condition } from './condition.js';
import { giveUpWaits } from './open-wait.js';

describe('Condition', () => {
  it('settles at once when it holds already, else at the change that brings it about', async () => {
    let count = 1;
    const condition = new Condition('the counter', () => `count ${count}`);
    await condition.until(() => count === 1);
    const two = condition.until(() => count === 2);
    condition.changed();
    count = 2;
    condition.changed();
    await two;
  });

  it('rejects with the state when the time of the test is up', async () => {
    const condition = new Condition('the counter', () => 'count 7');
    const waiting = condition.until(() => false);
    const told = 'the counter did not come to it in the time of the test: count 7';
    expect(giveUpWaits()).toEqual([told]);
    await expect(waiting).rejects.toThrow(told);
    expect(giveUpWaits()).toEqual([]);
  });

  it('rejects a wait whose predicate throws', async () => {
    let isBroken = false;
    const condition = new Condition('the counter', () => '');
    const waiting = condition.until(() => {
      if (isBroken) throw new Error('a broken predicate');
      return false;
    });
    isBroken = true;
    condition.changed();
    await expect(waiting).rejects.toThrow('a broken predicate');
  });

  it('ends every wait when it is given up', async () => {
    const condition = new Condition('the counter', () => 'count 0');
    const waiting = condition.until(() => false);
    condition.giveUp();
    await expect(waiting).rejects.toThrow('the counter was disposed');
  });
});
