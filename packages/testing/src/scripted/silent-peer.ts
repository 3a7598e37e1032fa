import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Condition } from '../clock/condition.js';
import { closeServer, destroySockets, listenOnLoopback, LOOPBACK, portOf } from '../servers/listening-server.js';
import type { SelfSignedCertificate } from '../servers/self-signed.js';

/** A server that accepts connections, reads whatever comes and never says a word. */
export interface SilentPeer extends AsyncDisposable {
  readonly port: number;
  /** 'host:port', for a client. */
  readonly target: string;
  readonly acceptedConnections: number;
  readonly openConnections: number;
  /** Over all connections. */
  readonly receivedBytes: number;
  /** Waits until the predicate holds; looked at after every event. Rejects when the test's time is up. */
  waitFor(predicate: (peer: SilentPeer) => boolean): Promise<void>;
}

/**
 * Starts a peer that accepts TCP and sends nothing: to a plain-text client, no SETTINGS ever come.
 *
 * @param heard what is heard of a connection. Default: the socket itself.
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
    // A client that is gone is told by 'close'.
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

/** Starts a peer that takes a ClientHello and never answers it: a TLS handshake with it stalls for ever. */
export function startSilentTlsPeer(): Promise<SilentPeer> {
  // Silence is the same in every protocol; the name says what a test means.
  return startSilentPeer();
}

/** Starts a peer that completes the TLS handshake for HTTP/2 and then sends nothing: no SETTINGS ever come. */
export function startSilentAfterTlsPeer(certificate: SelfSignedCertificate): Promise<SilentPeer> {
  const options = { ...certificate, isServer: true, ALPNProtocols: ['h2'] };
  return startSilentPeer((socket) => {
    const secured = new TLSSocket(socket, options);
    secured.on('error', () => {});
    return secured;
  });
}
