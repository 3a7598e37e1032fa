import { describe, expect, it } from 'vitest';
import { countIn, HANGS, inOrder, tally } from './seen.js';

describe('tally', () => {
  it('counts endings by name, and leaves out a count of one', () => {
    expect(tally(['OK', 'UNAVAILABLE', 'OK', 'CANCELLED'])).toBe('CANCELLED, 2 × OK, UNAVAILABLE');
    expect(tally([])).toBe('');
  });
});

describe('countIn', () => {
  it.each([
    [tally(['OK', 'OK', HANGS]), 'OK', 2],
    [tally(['OK', 'OK', HANGS]), HANGS, 1],
    [inOrder(['OK', 'UNAVAILABLE', 'OK']), 'OK', 2],
    ['OK', 'UNAVAILABLE', 0],
    ['', 'OK', 0],
    [5, 'OK', 0],
  ])('%j has %s %d times', (sight, ending, count) => {
    expect(countIn(sight, ending)).toBe(count);
  });
});
