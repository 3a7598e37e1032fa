/** The servers that tests can be run against. */
export const PEERS = ['grpc-js', 'grpc-go', 'nginx'] as const;

/**
 * Names a kind of server: Node's `grpc-js`, Debian's `grpc-go`, or `nginx`, which passes calls on to a grpc-js server
 * of its own.
 */
export type PeerName = (typeof PEERS)[number];

/**
 * Names what not every peer can do.
 * - `server-options`: takes options of the grpc-js server.
 * - `connection-age`: takes `maxConnectionAgeMs` and `maxConnectionAgeGraceMs`.
 * - `keepalive-enforcement`: throws out a client that sends PINGs too often, and takes `keepaliveEnforcement`.
 * - `rich-status`: attaches details to a failing status, as `grpc-status-details-bin`.
 */
export type PeerFeature = 'server-options' | 'connection-age' | 'keepalive-enforcement' | 'rich-status';

const FEATURES: Readonly<Record<PeerName, readonly PeerFeature[]>> = {
  'grpc-js': ['server-options', 'connection-age'],
  'grpc-go': ['connection-age', 'keepalive-enforcement', 'rich-status'],
  nginx: [],
};

/**
 * Reads from `MANIFOLD_PEER` which server `startEchoServer` starts. Default 'grpc-js'.
 *
 * @throws RangeError when it names none.
 */
export function chosenPeer(): PeerName {
  const name = process.env['MANIFOLD_PEER'] || 'grpc-js';
  const peer = PEERS.find((known) => known === name);
  if (peer === undefined) throw new RangeError(`MANIFOLD_PEER must be one of ${PEERS.join(', ')}, got '${name}'`);
  return peer;
}

/** Tells whether a peer can do something, by default the chosen one. */
export function peerSupports(feature: PeerFeature, peer: PeerName = chosenPeer()): boolean {
  return FEATURES[peer].includes(feature);
}
