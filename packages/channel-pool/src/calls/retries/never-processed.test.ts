import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { neverProcessed } from './never-processed.js';

describe('neverProcessed', () => {
  it.each([
    ['a refused stream', status.UNAVAILABLE, 'Stream refused by server', {}, true],
    ['a channel closed before', status.UNAVAILABLE, 'Channel closed before call started', {}, true],
    ['a refused stream of another code', status.INTERNAL, 'Stream refused by server', {}, false],
    ['another reason', status.UNAVAILABLE, 'Connection dropped', {}, false],
    ['more words', status.UNAVAILABLE, 'Stream refused by server.', {}, false],
    ['no words', status.UNAVAILABLE, '', {}, false],
    ['the same words from a server', status.UNAVAILABLE, 'Stream refused by server', { server: 'nginx' }, false],
    ['success', status.OK, 'Stream refused by server', {}, false],
  ])('of %s', (_what, code, details, headers, expected) => {
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
    expect(neverProcessed({ code, details, metadata })).toBe(expected);
  });
});
