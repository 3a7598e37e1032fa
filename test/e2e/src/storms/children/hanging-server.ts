/**
 * A gRPC server on bare node:http2, so that no layer above heeds a deadline: what ends a stream here is the client's
 * RST_STREAM and nothing else. nghttp2 guards it against rapid reset (1,000 at once, then 33 a second), as it guards
 * every Node server.
 *
 * Unary calls with the metadata `hang` are never answered; others at once, with an empty message. A server stream gets
 * an empty message every 20 ms until it is told to finish.
 */
import { constants, createServer, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { HangingServerMessage, HangingServerOrder, SessionCounts } from './hanging-server-contract.js';
import { repeatedly } from '@grpc-manifold/testing';

/** A length-prefixed message of no bytes. */
const EMPTY_MESSAGE = Buffer.alloc(5);
const MESSAGE_EVERY_MS = 20;

class CountedSession implements SessionCounts {
  isOpen = true;
  messageStreams = 0;
  hangingCalls = 0;
  clientResets = 0;
}

const sessions = new Map<Http2Session, CountedSession>();
const hanging = new Set<ServerHttp2Stream>();
const messageStreams = new Set<ServerHttp2Stream>();

function say(message: HangingServerMessage): void {
  process.send?.(message);
}

/** Sends initial metadata; the trailers of an OK follow when the stream is ended. */
function begin(stream: ServerHttp2Stream): void {
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
}

function answer(stream: ServerHttp2Stream): void {
  if (stream.destroyed) return;
  begin(stream);
  stream.write(EMPTY_MESSAGE);
  stream.end();
}

function sendMessages(stream: ServerHttp2Stream): void {
  begin(stream);
  messageStreams.add(stream);
  const messages = repeatedly(MESSAGE_EVERY_MS, 'a message', () => {
    if (stream.writable) stream.write(EMPTY_MESSAGE);
  });
  stream.once('close', () => {
    messages[Symbol.dispose]();
    messageStreams.delete(stream);
  });
}

const server = createServer();
server.on('session', (session) => {
  const counted = new CountedSession();
  sessions.set(session, counted);
  // A session that dies says why to nobody here: its streams end, and that is what is looked at.
  session.on('error', () => undefined);
  session.once('close', () => (counted.isOpen = false));
});
server.on('stream', (stream: ServerHttp2Stream, headers) => {
  const counted = sessions.get(stream.session as Http2Session) as CountedSession;
  stream.on('error', () => undefined);
  stream.resume();
  if (headers[':path']?.endsWith('/ServerStream')) {
    counted.messageStreams += 1;
    sendMessages(stream);
  } else if (headers['hang'] === undefined) {
    stream.once('end', () => answer(stream));
  } else {
    counted.hangingCalls += 1;
    hanging.add(stream);
    stream.once('close', () => {
      hanging.delete(stream);
      if (stream.rstCode === constants.NGHTTP2_CANCEL) counted.clientResets += 1;
    });
  }
});
server.listen(0, '127.0.0.1', () => say({ kind: 'listening', port: (server.address() as AddressInfo).port }));

process.on('message', (order: HangingServerOrder) => {
  switch (order.kind) {
    case 'counts':
      say({ kind: 'counts', sessions: [...sessions.values()] });
      break;
    case 'release':
      for (const stream of hanging) answer(stream);
      break;
    case 'finish':
      for (const stream of messageStreams) stream.end();
  }
});
// The test is gone: nobody could stop us any more.
process.on('disconnect', () => process.exit());
