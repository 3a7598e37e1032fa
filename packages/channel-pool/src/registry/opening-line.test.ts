import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { IdlePools, type PoolEntry } from './idle-pools.js';
import { OpeningLine } from './opening-line.js';

/** A bound of so many connections, with so many idle and so many being closed. */
function bound(maxChannels: number, idle: number, closing: number): IdlePools {
  const pools = new IdlePools(maxChannels);
  pools.set({} as PoolEntry, idle);
  pools.closingChannels = closing;
  return pools;
}

const poolUnder = (...bounds: readonly IdlePools[]): PoolEntry => ({ bounds }) as unknown as PoolEntry;

/** A line that pools join, one after the other, and which of them may open a connection. */
class Joining {
  readonly line = new OpeningLine();
  readonly told: string[] = [];

  join(name: string, entry: PoolEntry): void {
    const place = this.line.join(entry);
    if (place === undefined) this.told.push(name);
    else void place.then((hasPlace) => this.told.push(hasPlace ? name : `not ${name}`));
  }
}

describe('an opening line', () => {
  it.each([
    ['all while nothing is being closed, though idle pools are at their bound', 2, 2, 0, 3, ['1', '2', '3']],
    ['all while what is idle and what is being closed are within the bound', 5, 2, 3, 3, ['1', '2', '3']],
    ['none while one more would be too many', 2, 2, 1, 1, []],
    ['so many fewer than come as there is too much', 2, 2, 2, 5, ['1', '2', '3']],
    ['all with a bound of Infinity', Infinity, 50, 50, 2, ['1', '2']],
    ['none with a bound of 0 while one is being closed', 0, 0, 1, 1, []],
  ])('lets pools open connections: %s', async (_name, maxChannels, idle, closing, count, expected) => {
    const joining = new Joining();
    const pools = bound(maxChannels, idle, closing);
    for (let each = 1; each <= count; each += 1) joining.join(`${each}`, poolUnder(pools));
    await turn();
    expect(joining.told).toEqual(expected);
    expect(pools.waitingOpenings).toBe(count - expected.length);
  });

  it('lets those that wait proceed in the order in which they came, as connections are closed', async () => {
    const joining = new Joining();
    const pools = bound(1, 1, 3);
    for (const name of ['first', 'second']) joining.join(name, poolUnder(pools));
    for (const [closing, told] of [
      [2, []],
      [1, ['first']],
      [0, ['first', 'second']],
    ] as const) {
      pools.closingChannels = closing;
      joining.line.advance();
      await turn();
      expect(joining.told).toEqual(told);
    }
    expect(pools.waitingOpenings).toBe(0);
  });

  it('tells who leaves that there is no place for him, and counts him no more', async () => {
    const joining = new Joining();
    const pools = bound(1, 1, 2);
    const [leaving, staying] = [poolUnder(pools), poolUnder(pools)];
    joining.join('leaving', leaving);
    joining.join('staying', staying);
    joining.line.leave(leaving);
    joining.line.leave(leaving);
    pools.closingChannels = 1;
    joining.line.advance();
    await turn();
    expect(joining.told).toEqual(['not leaving']);
    expect(pools.waitingOpenings).toBe(1);
  });

  it('lets nobody wait for the bound of a target that is not his own', async () => {
    const joining = new Joining();
    const [all, first, second] = [bound(10, 2, 1), bound(1, 1, 1), bound(1, 1, 0)];
    joining.join('first', poolUnder(first, all));
    joining.join('second', poolUnder(second, all));
    await turn();
    expect(joining.told).toEqual(['second']);
    first.closingChannels = 0;
    joining.line.advance();
    await turn();
    expect(joining.told).toEqual(['second', 'first']);
  });
});
