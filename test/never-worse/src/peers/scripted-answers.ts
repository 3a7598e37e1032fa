import {
  encodeHeaderBlock,
  startScriptedPeer,
  type PeerConnection,
  type PeerScript,
  type ScriptedPeer,
} from '@grpc-manifold/testing';

/** An EchoResponse with nothing in it. */
const EMPTY_MESSAGE = Buffer.alloc(0);

/** Answers a call with one message and OK. */
export function answer(connection: PeerConnection, streamId: number): void {
  connection.respond(streamId, { messages: [EMPTY_MESSAGE] });
}

/** Sends headers and one message, and leaves the call open. */
export function begin(connection: PeerConnection, streamId: number): void {
  connection.respondPartly(streamId, { messages: [EMPTY_MESSAGE] });
}

/** Ends a call that was begun, with OK. */
export function finish(connection: PeerConnection, streamId: number): void {
  const block = encodeHeaderBlock([['grpc-status', '0']]);
  connection.send({ kind: 'headers', streamId, block, endStream: true });
}

/** Starts a peer that answers every call when the request is whole, unless the script does that itself. */
export function startAnsweringPeer(script: PeerScript = {}): Promise<ScriptedPeer> {
  return startScriptedPeer({ onRequestEnd: answer, ...script });
}
