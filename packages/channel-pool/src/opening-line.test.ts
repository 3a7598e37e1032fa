import { describe, expect, it } from 'vitest';
import { IdlePools, type PoolEntry } from './idle-pools.js';
import { OpeningLine } from './opening-line.js';

/** Bounds of so many connections, with so many idle and so many being closed. */
function bounds(maxChannels: number, idle: number, closing: number): IdlePools {
  const pools = new IdlePools(maxChannels);
  pools.set({} as PoolEntry, idle);
  pools.closingChannels = closing;
  return pools;
}

/** Lets openings join one after the other; tells which have proceeded, in order. */
function line(...joining: (readonly IdlePools[])[]): { openings: OpeningLine; proceeded: number[] } {
  const openings = new OpeningLine();
  const proceeded: number[] = [];
  joining.forEach((each, index) => void openings.join(each, () => proceeded.push(index)));
  return { openings, proceeded };
}

describe('an opening line', () => {
  it.each([
    ['while nothing is being closed, though idle pools are at their bound', 2, 2, 0, 3, [0, 1, 2]],
    ['while there is a place beside what is idle and what is being closed', 5, 2, 2, 3, [0, 1, 2]],
    ['while what is being closed makes no more than the bound', 5, 2, 3, 3, [0, 1, 2]],
    ['never, while one more would be too many', 2, 2, 1, 1, []],
    ['as many as come beyond what is too many', 2, 2, 2, 5, [0, 1, 2]],
    ['all, with a bound of Infinity', Infinity, 50, 50, 2, [0, 1]],
    ['none, with a bound of 0 and one that is being closed', 0, 0, 1, 1, []],
  ])('lets connections be opened %s', (_name, maxChannels, idle, closing, joining, expected) => {
    const pools = bounds(maxChannels, idle, closing);
    expect(line(...Array.from({ length: joining }, () => [pools])).proceeded).toEqual(expected);
  });

  it('lets those that wait proceed in the order in which they came, as connections are closed', async () => {
    const pools = bounds(1, 1, 3);
    const { openings, proceeded } = line([pools], [pools]);
    pools.closingChannels = 2;
    openings.advance();
    expect(proceeded).toEqual([]);
    pools.closingChannels = 1;
    openings.advance();
    expect(proceeded).toEqual([0]);
    const third = openings.join([pools], () => proceeded.push(2));
    expect(proceeded).toEqual([0, 1]);
    pools.closingChannels = 0;
    openings.advance();
    await third;
    expect(proceeded).toEqual([0, 1, 2]);
    expect(pools.waitingOpenings).toBe(0);
  });

  it('lets nobody wait for the bound of a target that is not its own', () => {
    const [all, first, second] = [bounds(10, 2, 1), bounds(1, 1, 1), bounds(1, 1, 0)];
    const { openings, proceeded } = line([first, all], [second, all]);
    expect(proceeded).toEqual([1]);
    first.closingChannels = 0;
    openings.advance();
    expect(proceeded).toEqual([1, 0]);
  });
});
