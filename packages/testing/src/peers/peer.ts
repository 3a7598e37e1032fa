/** The servers that tests can be run against. */
export const PEERS = ['grpc-js', 'grpc-go', 'nginx'] as const;

/**
 * The name of a kind of server: `grpc-js` for Node, `grpc-go` from Debian, or `nginx` in front of a grpc-js server.
 */
export type PeerName = (typeof PEERS)[number];

/**
 * A feature that only some peers have.
 * - `server-options`: accepts options of the grpc-js server.
 * - `connection-age`: accepts `maxConnectionAgeMs` and `maxConnectionAgeGraceMs`.
 * - `keepalive-enforcement`: disconnects a client that sends PINGs too often, and accepts `keepaliveEnforcement`.
 * - `rich-status`: attaches details to a failed status as `grpc-status-details-bin`.
 */
export type PeerFeature = 'server-options' | 'connection-age' | 'keepalive-enforcement' | 'rich-status';

const FEATURES: Readonly<Record<PeerName, readonly PeerFeature[]>> = {
  'grpc-js': ['server-options', 'connection-age'],
  'grpc-go': ['connection-age', 'keepalive-enforcement', 'rich-status'],
  nginx: [],
};

/**
 * Returns the server that `startEchoServer` starts, from the environment variable `MANIFOLD_PEER`. Default 'grpc-js'.
 *
 * @throws RangeError when the variable has an unknown value.
 */
export function chosenPeer(): PeerName {
  const name = process.env['MANIFOLD_PEER'] || 'grpc-js';
  const peer = PEERS.find((known) => known === name);
  if (peer === undefined) throw new RangeError(`MANIFOLD_PEER must be one of ${PEERS.join(', ')}, got '${name}'`);
  return peer;
}

/** True when a peer has a feature. Default: the chosen peer. */
export function peerSupports(feature: PeerFeature, peer: PeerName = chosenPeer()): boolean {
  return FEATURES[peer].includes(feature);
}
