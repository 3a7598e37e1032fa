/**
 * The kind of a connection fault.
 *
 * | tag | what happened |
 * | --- | --- |
 * | `dropped` | the peer closed the connection, or it was lost without an error |
 * | `reset` | TCP reset or another socket error; for an ejected connection: its streams were reset one by one |
 * | `goaway` | the server sent GOAWAY (RFC 9113, section 6.8), with any code |
 * | `too-many-pings` | GOAWAY with ENHANCE_YOUR_CALM and the debug data `too_many_pings` (gRFC A8) |
 * | `refused-stream` | a stream was refused before it was processed (RFC 9113, section 8.7); the connection goes on |
 * | `rapid-reset` | too many streams were reset: ENHANCE_YOUR_CALM without `too_many_pings`, or an error after many |
 * | `keepalive-timeout` | a PING, or the verification before the first call after a pause, was not answered in time |
 * | `connect-timeout` | TCP, TLS and the server's first SETTINGS took longer than `connectTimeoutMs` |
 * | `connect-failed` | the connection attempt failed for another reason |
 * | `tls` | the TLS handshake failed: a wrong or expired certificate, no common protocol |
 * | `name-resolution` | the name could not be resolved |
 * | `stalled` | the peer was asked for a sign of life and gave none for too long |
 */
export type TransportFaultTag =
  | 'dropped'
  | 'reset'
  | 'goaway'
  | 'too-many-pings'
  | 'refused-stream'
  | 'rapid-reset'
  | 'keepalive-timeout'
  | 'connect-timeout'
  | 'connect-failed'
  | 'tls'
  | 'name-resolution'
  | 'stalled';

/** A fault of a connection, with the error text of the component that detected it. */
export interface TransportFault {
  readonly tag: TransportFaultTag;
  readonly detail: string;
}
