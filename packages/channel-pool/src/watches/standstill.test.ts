import { describe, expect, it } from 'vitest';
import { standstillMs } from './standstill.js';

const HOUR_MS = 3_600_000;

describe('a standstill', () => {
  it.each([
    ['a beat that comes in time is none', 1_000, 1_000, 0],
    ['a beat that is late by less than 5 s is none', 4_999, 4_999, 0],
    ['a stopped process has one: both clocks went on', 20_000, 20_000, 20_000],
    ['it begins at 5 s', 5_000, 5_000, 5_000],
    ['a laptop that wakes has one: the wall clock alone went on', 8 * HOUR_MS + 800, 800, 8 * HOUR_MS],
    ['a wall clock that is set back is taken for one', -HOUR_MS, 1_000, HOUR_MS + 1_000],
    ['a wall clock that is corrected by less than 5 s is none', 5_900, 1_000, 0],
    ['the same backwards', -3_900, 1_000, 0],
    ['clocks that stand are none', 0, 0, 0],
    ['a stopped process whose wall clock was set meanwhile', 0, 30_000, 30_000],
  ])('%s', (_what, wallMs, elapsedMs, expected) => {
    expect(standstillMs(wallMs, elapsedMs)).toBe(expected);
  });
});
