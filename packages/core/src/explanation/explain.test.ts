import { Metadata, status, type StatusObject } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { explain } from './explain.js';
import { explainedStatus, markStatus } from './explain-object.js';
import type { CallExplanation } from './explanation.js';

const EXPLANATION: CallExplanation = { refusedBy: 'queue-full', limit: 5, inFlightCalls: 40, queuedCalls: 5 };

/** Creates the error that grpc-js makes of the status of a failed call (call.ts, callErrorFromStatus). */
function callErrorFromStatus(from: StatusObject): Error {
  const error = new Error(`${from.code} ${status[from.code]}: ${from.details}`);
  return Object.assign(error, from);
}

describe('explainedStatus', () => {
  it('creates a status with the usual enumerable properties', () => {
    const made = explainedStatus(status.RESOURCE_EXHAUSTED, 'full', EXPLANATION);
    expect(Object.keys(made).sort()).toEqual(['code', 'details', 'metadata']);
    expect(made.code).toBe(status.RESOURCE_EXHAUSTED);
    expect(made.details).toBe('full');
    expect(made.metadata.getMap()).toEqual({});
    expect(JSON.parse(JSON.stringify(made))).not.toHaveProperty('refusedBy');
  });

  it('keeps the metadata that it is given', () => {
    const metadata = new Metadata();
    metadata.set('retry-after', '3');
    expect(explainedStatus(status.UNAVAILABLE, '', {}, metadata).metadata).toBe(metadata);
  });

  it('gives each status metadata of its own', () => {
    const first = explainedStatus(status.UNAVAILABLE, '', { channelId: 1 });
    const second = explainedStatus(status.UNAVAILABLE, '', { channelId: 2 });
    expect(first.metadata).not.toBe(second.metadata);
    expect(explain({ ...first })).toEqual({ channelId: 1, from: 'object' });
    expect(explain({ ...second })).toEqual({ channelId: 2, from: 'object' });
  });
});

describe('markStatus', () => {
  it('explains a status without replacing the object', () => {
    const received: StatusObject = { code: status.OK, details: '', metadata: new Metadata() };
    markStatus(received, { channelId: 3 });
    expect(explain(received)).toEqual({ channelId: 3, from: 'object' });
    expect(explain({ ...received })).toEqual({ channelId: 3, from: 'object' });
    expect(Object.keys(received)).toEqual(['code', 'details', 'metadata']);
  });

  it('ignores a status that cannot be extended', () => {
    const received = Object.freeze({ code: status.OK, details: '', metadata: new Metadata() });
    markStatus(received, { channelId: 3 });
    expect(explain(received)).toBeUndefined();
  });
});

describe('explain', () => {
  const made = explainedStatus(status.RESOURCE_EXHAUSTED, 'full', EXPLANATION);

  it.each([
    ['the status itself', made],
    ['a copy of it', { ...made }],
    ['the error that grpc-js makes of it', callErrorFromStatus(made)],
    [
      'a status that an interceptor rebuilt from the three fields',
      { code: made.code, details: made.details, metadata: made.metadata },
    ],
    [
      'the error that grpc-js makes of a rebuilt one',
      callErrorFromStatus({ code: made.code, details: 'other words', metadata: made.metadata }),
    ],
    ['a rebuilt one with another code', { code: status.UNAVAILABLE, details: '', metadata: made.metadata }],
  ])('reads %s', (_what, value) => {
    expect(explain(value)).toEqual({ ...EXPLANATION, from: 'object' });
  });

  it('returns the newest explanation for the same metadata', () => {
    const metadata = new Metadata();
    explainedStatus(status.UNAVAILABLE, '', { channelId: 1 }, metadata);
    explainedStatus(status.UNAVAILABLE, '', { channelId: 2 }, metadata);
    expect(explain({ code: status.UNAVAILABLE, details: '', metadata })).toEqual({ channelId: 2, from: 'object' });
  });

  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a string', 'RESOURCE_EXHAUSTED'],
    ['a number', 8],
    ['a symbol', Symbol('error')],
    ['a function', () => undefined],
    ['an empty object', {}],
    ['an error', new Error('not ours')],
    ['a foreign status', { code: status.UNAVAILABLE, details: '', metadata: new Metadata() }],
    ['metadata of a wrong type', { metadata: 'text' }],
    ['metadata that is null', { metadata: null }],
    ['a frozen object', Object.freeze({ code: 14 })],
    ['an object without a prototype', Object.create(null)],
  ])('knows nothing of %s', (_what, value) => {
    expect(explain(value)).toBeUndefined();
  });

  it('never throws, not even for an object that throws on access', () => {
    const hostile = {
      get metadata(): never {
        throw new Error('do not look');
      },
    };
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(explain(hostile)).toBeUndefined();
    expect(explain(proxy)).toBeUndefined();
  });
});
