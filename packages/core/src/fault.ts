/** What happened to a connection, in one word. */
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

/** A fault of a connection, with the words of whoever noticed it. */
export interface TransportFault {
  readonly tag: TransportFaultTag;
  readonly detail: string;
}
