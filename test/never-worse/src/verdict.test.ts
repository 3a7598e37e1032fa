import { describe, expect, it } from 'vitest';
import type { Statement } from './case.js';
import { verdictOf } from './verdict.js';

const better = (saw: Statement['saw']): Statement => ({ is: 'better', saw, why: '' });
const difference = (saw: Statement['saw']): Statement => ({ is: 'difference', saw, why: '' });

describe('verdictOf', () => {
  it.each([
    ['equal when nothing differs', { a: 'OK' }, { a: 'OK' }, undefined, 'equal'],
    ['worse when something differs that nobody stated', { a: 'UNAVAILABLE' }, { a: 'OK' }, undefined, 'worse'],
    ['worse when it is not what was stated', { a: 'hangs' }, { a: 'OK' }, better({ a: 'UNAVAILABLE' }), 'worse'],
    ['worse when what was stated has gone', { a: 'OK' }, { a: 'OK' }, difference({ a: 'INTERNAL' }), 'worse'],
    ['worse when something else differs too', { a: '1', b: '1' }, { a: '2', b: '2' }, difference({ a: '2' }), 'worse'],
    [
      'a difference that was stated',
      { a: 'INTERNAL' },
      { a: 'UNAVAILABLE' },
      difference({ a: 'UNAVAILABLE' }),
      'difference',
    ],
    ['better when fewer hang', { a: 'hangs' }, { a: 'UNAVAILABLE' }, better({ a: 'UNAVAILABLE' }), 'better'],
    ['better when more end OK', { a: '2 × OK, UNAVAILABLE' }, { a: '3 × OK' }, better({ a: '3 × OK' }), 'better'],
    ['worse when fewer end OK, whatever is stated', { a: '3 × OK' }, { a: '2 × OK' }, better({ a: '2 × OK' }), 'worse'],
    [
      'worse when another code is called better',
      { a: 'INTERNAL' },
      { a: 'UNKNOWN' },
      better({ a: 'UNKNOWN' }),
      'worse',
    ],
    ['worse when a number is called better', { a: 1 }, { a: 0 }, better({ a: 0 }), 'worse'],
    [
      'worse when fewer hang and fewer end OK',
      { a: 'OK, hangs' },
      { a: '2 × UNKNOWN' },
      better({ a: '2 × UNKNOWN' }),
      'worse',
    ],
  ] as const)('is %s', (_what, plain, pooled, stated, verdict) => {
    expect(verdictOf(plain, pooled, stated)).toBe(verdict);
  });
});
