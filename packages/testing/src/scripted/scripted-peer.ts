import type { Server } from 'node:net';
import { Condition } from '../clock/condition.js';
import { closeServer, destroySockets, listenOnLoopback, LOOPBACK, portOf } from '../servers/listening-server.js';
import { PeerConnection, type PeerScript } from './peer-connection.js';

/** A raw HTTP/2 server that can send any frame at any time and records every received frame. */
export interface ScriptedPeer extends AsyncDisposable {
  readonly port: number;
  /** 'host:port', for a client. */
  readonly target: string;
  /** Every connection ever accepted, oldest first, closed ones included. */
  readonly connections: readonly PeerConnection[];
  readonly acceptedConnections: number;
  readonly openConnections: number;
  /** The number of open streams on all open connections. */
  readonly openStreams: number;
  /** The number of streams that clients have opened on all connections. */
  readonly headersReceived: number;
  /** Waits until the predicate is true. It is checked after every event. Rejects when the test's time is up. */
  waitFor(predicate: (peer: ScriptedPeer) => boolean): Promise<void>;
}

/**
 * Starts a peer on a free port of 127.0.0.1. Without a script it acknowledges SETTINGS and PING and answers no call.
 */
export async function startScriptedPeer(script: PeerScript = {}): Promise<ScriptedPeer> {
  const connections: PeerConnection[] = [];
  const sum = (count: (connection: PeerConnection) => number): number =>
    connections.reduce((total, connection) => total + count(connection), 0);
  const condition = new Condition(
    'the scripted peer',
    () => `${connections.length} accepted, ${peer.openConnections} open, ${peer.openStreams} open streams`,
  );
  const server: Server = await listenOnLoopback((socket) => {
    const connection = new PeerConnection(connections.length + 1, socket, script, () => condition.changed());
    connections.push(connection);
    script.onConnection?.(connection);
    condition.changed();
  });
  const port = portOf(server);
  const peer: ScriptedPeer = {
    port,
    target: `${LOOPBACK}:${port}`,
    connections,
    get acceptedConnections() {
      return connections.length;
    },
    get openConnections() {
      return sum((connection) => (connection.isOpen ? 1 : 0));
    },
    get openStreams() {
      return sum((connection) => connection.openStreams);
    },
    get headersReceived() {
      return sum((connection) => connection.headersReceived);
    },
    waitFor: (predicate) => condition.until(() => predicate(peer)),
    async [Symbol.asyncDispose]() {
      const closed = closeServer(server);
      await destroySockets(connections.map((connection) => connection.socket));
      await closed;
      for (const connection of connections) connection.giveUp();
      condition.giveUp();
    },
  };
  return peer;
}
