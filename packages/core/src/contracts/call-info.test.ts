import { expect, it } from 'vitest';
import { callKindOf } from './call-info.js';

it.each([
  [false, false, 'unary'],
  [false, true, 'server-stream'],
  [true, false, 'client-stream'],
  [true, true, 'bidi'],
] as const)(
  'tells the kind of a method (request stream %s, response stream %s): %s',
  (requestStream, responseStream, kind) => {
    expect(callKindOf({ requestStream, responseStream })).toBe(kind);
  },
);
