import { describe, expect, it } from 'vitest';
import { PacedLine } from './paced-line.js';

describe('a paced line', () => {
  it('serves in order, one a turn', () => {
    const served: string[] = [];
    const line = new PacedLine(2);
    for (const name of ['a', 'b', 'c']) line.add(() => served.push(name), 10);
    line.work(11);
    expect(served).toEqual([]);
    line.work(14);
    expect(served).toEqual(['a', 'b']);
    expect(line.length).toBe(1);
  });

  it('makes up for having been looked at late', () => {
    let served = 0;
    const line = new PacedLine(0.5);
    for (let i = 0; i < 100; i++) line.add(() => (served += 1), 0);
    line.work(20.25);
    expect(served).toBe(40);
    line.work(30);
    expect(served).toBe(60);
  });

  it('saves up no turns while nobody waits', () => {
    let served = 0;
    const line = new PacedLine(1);
    line.add(() => (served += 1), 0);
    line.work(50);
    line.add(() => (served += 1), 100);
    line.add(() => (served += 1), 100);
    line.work(101);
    expect(served).toBe(2);
  });

  it('takes a new pace from the next turn on', () => {
    let served = 0;
    const line = new PacedLine(1);
    for (let i = 0; i < 10; i++) line.add(() => (served += 1), 0);
    line.setService(10);
    line.work(11);
    expect(served).toBe(2);
  });
});
