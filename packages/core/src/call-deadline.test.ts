import { propagate } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { callDeadlineMs } from './call-deadline.js';
import type { ParentCall } from './parent-calls.js';

const parent = (deadline: Date | number): ParentCall => ({ getDeadline: () => deadline }) as unknown as ParentCall;

describe('callDeadlineMs', () => {
  it.each([
    ['its own, as a number', 5, null, undefined, 5],
    ['its own, as a Date', new Date(5), null, undefined, 5],
    ['none', Infinity, null, undefined, Infinity],
    ['none when it is no time at all', new Date(NaN), null, undefined, Infinity],
    ['that of its parent when that is earlier', 5, parent(new Date(4)), undefined, 4],
    ['its own when that is earlier', 5, parent(6), propagate.DEFAULTS, 5],
    ['its own where the flags do not ask for that of its parent', 5, parent(4), propagate.CANCELLATION, 5],
    ['its own when its parent has none', 5, parent(Infinity), undefined, 5],
  ])('is %s', (_what, deadline, of, flags, expected) => {
    expect(callDeadlineMs(deadline, of, flags)).toBe(expected);
  });
});
