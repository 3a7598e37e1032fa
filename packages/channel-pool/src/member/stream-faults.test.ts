import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { streamFault } from './stream-faults.js';

const RST = 'Received RST_STREAM with code 2 (Internal server error)';

describe('streamFault', () => {
  it.each([
    [status.INTERNAL, RST, 'reset'],
    [status.INTERNAL, 'Received RST_STREAM with code 0 (Call ended without gRPC status)', 'reset'],
    [status.INTERNAL, 'Received RST_STREAM with code 11', 'reset'],
    [status.UNAVAILABLE, 'Stream refused by server', 'refused-stream'],
    [status.RESOURCE_EXHAUSTED, 'Bandwidth exhausted or memory limit exceeded', 'rapid-reset'],
  ])('takes %s "%s" for a stream that was broken', (code, details, tag) => {
    expect(streamFault({ code, details, metadata: new Metadata() })).toEqual({ tag, detail: details });
  });

  it.each([
    [status.OK, ''],
    [status.CANCELLED, 'Call cancelled'],
    [status.DEADLINE_EXCEEDED, 'Deadline exceeded'],
    [status.UNAVAILABLE, 'Connection dropped'],
    [status.UNAVAILABLE, 'Getting metadata from plugin failed with error: the token service is down'],
    [status.RESOURCE_EXHAUSTED, 'Attempted to send message with a size larger than 10'],
    [status.UNAVAILABLE, RST],
  ])('does not take %s "%s" for one', (code, details) => {
    expect(streamFault({ code, details, metadata: new Metadata() })).toBeUndefined();
  });

  it('does not take the words of a server for its own: what was sent has metadata', () => {
    const metadata = new Metadata();
    metadata.set('content-type', 'application/grpc');
    expect(streamFault({ code: status.INTERNAL, details: RST, metadata })).toBeUndefined();
  });
});
