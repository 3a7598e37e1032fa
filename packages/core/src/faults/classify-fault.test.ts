import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import {
  endsCalls,
  faultOfFailedAttempt,
  faultOfLostCall,
  faultOfLostConnection,
  faultOfStatus,
  type Goaway,
} from './classify-fault.js';

function goaway(code: number, debugData = ''): Goaway {
  return { code, lastStreamId: 7, debugData };
}

describe('the fault of a lost connection', () => {
  it.each([
    ['by a GOAWAY without an error', { goaway: goaway(0) }, 'goaway', 'the server said GOAWAY, NO_ERROR'],
    ['by a GOAWAY with words', { goaway: goaway(0, 'bye') }, 'goaway', 'the server said GOAWAY, NO_ERROR, "bye"'],
    ['by a GOAWAY for an error', { goaway: goaway(2) }, 'goaway', 'the server said GOAWAY, INTERNAL_ERROR'],
    ['by a GOAWAY with a code that nobody knows', { goaway: goaway(99) }, 'goaway', 'the server said GOAWAY, code 99'],
    [
      'for its PINGs',
      { goaway: goaway(11, 'too_many_pings') },
      'too-many-pings',
      'the server said GOAWAY, ENHANCE_YOUR_CALM, "too_many_pings"',
    ],
    ['to calm it', { goaway: goaway(11) }, 'rapid-reset', 'the server said GOAWAY, ENHANCE_YOUR_CALM'],
    [
      'by a GOAWAY for an error after many resets',
      { goaway: goaway(2), hasResetMany: true },
      'rapid-reset',
      'the server said GOAWAY, INTERNAL_ERROR',
    ],
    ['by a GOAWAY that says why, whatever error follows', { goaway: goaway(0), error: new Error('x') }, 'goaway', null],
    ['by an error of its socket', { error: new Error('read ECONNRESET') }, 'reset', 'connection lost: read ECONNRESET'],
    ['without a word', {}, 'dropped', 'the other end closed the connection'],
    ['without a word after many resets', { hasResetMany: true }, 'dropped', null],
  ] as const)('%s', (_title, facts, tag, detail) => {
    const fault = faultOfLostConnection({ hasResetMany: false, ...facts });
    expect(fault.tag).toBe(tag);
    if (detail !== null) expect(fault.detail).toBe(detail);
  });

  it('does not end calls only when the GOAWAY has the code NO_ERROR', () => {
    expect(endsCalls(goaway(0))).toBe(false);
    expect(endsCalls(goaway(2))).toBe(true);
    expect(endsCalls(goaway(11))).toBe(true);
  });
});

describe('the fault of a failed connection attempt', () => {
  it.each([
    ['Name resolution failed for target dns:nowhere.invalid:443', 'name-resolution'],
    ['No connection established. Last error: Error: getaddrinfo ENOTFOUND nowhere.invalid', 'name-resolution'],
    ['No connection established. Last error: Error: self-signed certificate. Resolution note: ', 'tls'],
    ['No connection established. Last error: Error: certificate has expired', 'tls'],
    ["No connection established. Last error: Error: Hostname/IP does not match certificate's altnames", 'tls'],
    ['Error: write EPROTO 80CB:error:0A00010B:SSL routines:ssl3_get_record:wrong version number', 'tls'],
    ['Client network socket disconnected before secure TLS connection was established', 'tls'],
    ['No connection established. Last error: Error: connect ECONNREFUSED 127.0.0.1:1', 'connect-failed'],
    ['', 'connect-failed'],
  ] as const)('%s', (detail, tag) => {
    expect(faultOfFailedAttempt(detail)).toEqual({ tag, detail });
  });
});

describe('the fault of a status', () => {
  const refused = { code: status.UNAVAILABLE, details: 'Stream refused by server', metadata: new Metadata() };
  const calmed = {
    code: status.RESOURCE_EXHAUSTED,
    details: 'Bandwidth exhausted or memory limit exceeded',
    metadata: new Metadata(),
  };

  it('is known for a stream that was refused or calmed', () => {
    expect(faultOfStatus(refused)).toEqual({ tag: 'refused-stream', detail: 'Stream refused by server' });
    expect(faultOfStatus(calmed)?.tag).toBe('rapid-reset');
  });

  it('is undefined when the server sent the status with the same text', () => {
    const metadata = new Metadata();
    metadata.set('content-type', 'application/grpc');
    expect(faultOfStatus({ ...refused, metadata })).toBeUndefined();
    expect(faultOfStatus({ ...refused, code: status.INTERNAL })).toBeUndefined();
  });

  it('is undefined for any other status', () => {
    const internal = { code: status.INTERNAL, details: 'Received RST_STREAM with code 2', metadata: new Metadata() };
    expect(faultOfStatus(internal)).toBeUndefined();
  });
});

describe('the fault of a call that ended with its connection', () => {
  const ended = (words: string) => `Received RST_STREAM with code 2 triggered by internal client error: ${words}`;
  const EPIPE = { message: 'write EPIPE' };
  const { INTERNAL, UNAVAILABLE } = status;

  it.each([
    ['in the words of the socket', INTERNAL, ended('write EPIPE'), EPIPE, true, 'write EPIPE'],
    ['before the session is seen to be gone', INTERNAL, ended('write EPIPE'), EPIPE, false, 'write EPIPE'],
    ['in words of several lines', INTERNAL, ended('a\nb'), { message: 'a\nb' }, true, 'a\nb'],
    ['where its socket is not seen', INTERNAL, ended('read EHOSTUNREACH'), undefined, true, 'read EHOSTUNREACH'],
    [
      'for what grpc-js knows as a loss',
      UNAVAILABLE,
      'read ECONNRESET',
      { message: 'read ECONNRESET' },
      true,
      'read ECONNRESET',
    ],
  ])('has a fault: %s', (_title, code, details, error, isGone, words) => {
    expect(faultOfLostCall({ code, details, metadata: new Metadata() }, { error, isGone })).toEqual({
      tag: 'reset',
      detail: `connection lost: ${words}`,
    });
  });

  it.each([
    ['the same words on a connection that is there', INTERNAL, ended('write EPIPE'), undefined, false],
    ['an RST_STREAM', INTERNAL, 'Received RST_STREAM with code 2 (Internal server error)', EPIPE, true],
    ['an error of a stream', INTERNAL, ended('Stream closed with error code NGHTTP2_INTERNAL_ERROR'), undefined, true],
    ['an error of the session', INTERNAL, ended('Session closed with error code 2'), undefined, true],
    ['another code', status.UNKNOWN, ended('write EPIPE'), EPIPE, true],
    ['a refusal', UNAVAILABLE, 'Stream refused by server', EPIPE, true],
  ])('has none for %s', (_title, code, details, error, isGone) => {
    expect(faultOfLostCall({ code, details, metadata: new Metadata() }, { error, isGone })).toBeUndefined();
  });

  it('is undefined when the server sent the status', () => {
    const metadata = new Metadata();
    metadata.set('content-type', 'application/grpc');
    const received = { code: INTERNAL, details: ended('write EPIPE'), metadata };
    expect(faultOfLostCall(received, { error: EPIPE, isGone: true })).toBeUndefined();
  });
});
