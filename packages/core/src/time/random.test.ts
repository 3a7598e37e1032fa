import { describe, expect, it } from 'vitest';
import { systemRandom } from './random.js';

describe('systemRandom', () => {
  it('draws numbers from 0 to less than 1, not always the same', () => {
    const drawn = Array.from({ length: 1_000 }, () => systemRandom.next());
    expect(drawn.every((number) => number >= 0 && number < 1)).toBe(true);
    expect(new Set(drawn).size).toBeGreaterThan(1);
  });
});
