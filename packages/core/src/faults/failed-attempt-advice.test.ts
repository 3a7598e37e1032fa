import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { withAdvice } from './failed-attempt-advice.js';
import type { TransportFaultTag } from './fault.js';

const SECURE = credentials.createSsl();
const INSECURE = credentials.createInsecure();

describe('the advice for a connection that could not be made', () => {
  it.each<[string, TransportFaultTag, ChannelCredentials, string, string]>([
    [
      'TLS meets plain text',
      'tls',
      SECURE,
      'Last error: Error: 804C:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:record.c:350:\n. Resolution note: ',
      'Last error: Error: 804C:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:record.c:350:. ' +
        'The server does not speak TLS on this port: use credentials.createInsecure(), or its port for TLS',
    ],
    [
      'TLS is not answered',
      'tls',
      SECURE,
      'Client network socket disconnected before secure TLS connection was established',
      'Client network socket disconnected before secure TLS connection was established. ' +
        'If the server does not speak TLS, use credentials.createInsecure()',
    ],
    [
      'plain text meets TLS',
      'connect-failed',
      INSECURE,
      'Last error: Failed to connect (2026-01-01T00:00:00.000Z). Resolution note: ',
      'Last error: Failed to connect (2026-01-01T00:00:00.000Z). ' +
        'The other end closed the connection before HTTP/2 began: if it speaks TLS, use credentials.createSsl()',
    ],
    [
      'plain text is answered by something else',
      'connect-failed',
      INSECURE,
      'Last error: Protocol error (2026-01-01T00:00:00.000Z). Resolution note: ',
      'Last error: Protocol error (2026-01-01T00:00:00.000Z). ' +
        'What answers on this port is not HTTP/2: if it speaks TLS, use credentials.createSsl()',
    ],
  ])('when %s', (_when, tag, given, detail, advised) => {
    expect(withAdvice({ tag, detail }, given)).toEqual({ tag, detail: advised });
  });

  it.each<[string, TransportFaultTag, ChannelCredentials, string]>([
    [
      'nobody listens',
      'connect-failed',
      INSECURE,
      'Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: ',
    ],
    ['a certificate is not trusted', 'tls', SECURE, 'Last error: Error: self-signed certificate. Resolution note: '],
    ['a name is not known', 'name-resolution', INSECURE, 'Name resolution failed: Failed to connect'],
    ['a secure connection is closed', 'connect-failed', SECURE, 'Last error: Failed to connect. Resolution note: '],
    ['credentials do not tell', 'connect-failed', {} as ChannelCredentials, 'Failed to connect'],
  ])('there is none when %s', (_when, tag, given, detail) => {
    expect(withAdvice({ tag, detail }, given)).toEqual({ tag, detail });
  });
});
