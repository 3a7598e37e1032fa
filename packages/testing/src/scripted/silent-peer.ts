import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Condition } from '../clock/condition.js';
import { closeServer, destroySockets, listenOnLoopback, LOOPBACK, portOf } from '../servers/listening-server.js';
import type { SelfSignedCertificate } from '../servers/self-signed.js';

/** A server that accepts connections, reads all data and never sends anything. */
export interface SilentPeer extends AsyncDisposable {
  readonly port: number;
  /** 'host:port', for a client. */
  readonly target: string;
  readonly acceptedConnections: number;
  readonly openConnections: number;
  /** The number of bytes received on all connections. */
  readonly receivedBytes: number;
  /** Waits until the predicate is true. It is checked after every event. Rejects when the test's time is up. */
  waitFor(predicate: (peer: SilentPeer) => boolean): Promise<void>;
}

/**
 * Starts a peer that accepts TCP connections and sends nothing: a plaintext client never gets SETTINGS.
 *
 * @param heard returns the socket whose bytes are counted. Default: the TCP socket itself.
 */
export async function startSilentPeer(heard: (socket: Socket) => Socket = (socket) => socket): Promise<SilentPeer> {
  const sockets = new Set<Socket>();
  let acceptedConnections = 0;
  let receivedBytes = 0;
  const condition = new Condition(
    'the silent peer',
    () => `${acceptedConnections} accepted, ${sockets.size} open, ${receivedBytes} bytes received`,
  );
  const server = await listenOnLoopback((socket) => {
    acceptedConnections += 1;
    sockets.add(socket);
    heard(socket).on('data', (chunk: Buffer) => {
      receivedBytes += chunk.length;
      condition.changed();
    });
    // The 'close' event reports the loss of the client.
    socket.on('error', () => {});
    socket.once('close', () => {
      sockets.delete(socket);
      condition.changed();
    });
    condition.changed();
  });
  const port = portOf(server);
  const peer: SilentPeer = {
    port,
    target: `${LOOPBACK}:${port}`,
    get acceptedConnections() {
      return acceptedConnections;
    },
    get openConnections() {
      return sockets.size;
    },
    get receivedBytes() {
      return receivedBytes;
    },
    waitFor: (predicate) => condition.until(() => predicate(peer)),
    async [Symbol.asyncDispose]() {
      const closed = closeServer(server);
      await destroySockets(sockets);
      await closed;
      condition.giveUp();
    },
  };
  return peer;
}

/** Starts a peer that never answers a ClientHello: a TLS handshake with it stalls forever. */
export function startSilentTlsPeer(): Promise<SilentPeer> {
  // A silent peer is the same for every protocol. The name states the intent of a test.
  return startSilentPeer();
}

/** Starts a peer that completes the TLS handshake for HTTP/2 and then sends nothing: the client never gets SETTINGS. */
export function startSilentAfterTlsPeer(certificate: SelfSignedCertificate): Promise<SilentPeer> {
  const options = { ...certificate, isServer: true, ALPNProtocols: ['h2'] };
  return startSilentPeer((socket) => {
    const secured = new TLSSocket(socket, options);
    secured.on('error', () => {});
    return secured;
  });
}
