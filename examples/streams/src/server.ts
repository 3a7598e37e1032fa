/** A process of its own: a newsroom whose line to its followers breaks now and then. */
import * as grpc from '@grpc/grpc-js';
import { Newsroom, type Chunk, type Line, type Receipt, type Story, type Topic } from './newsroom.js';

const STORY_EVERY_MS = 100;
/** Stories after which a follower is cut off, as by a proxy that is restarted. */
const STORIES_A_LINE = 4;
/** How slowly pieces of a file are taken, so that there is something to see. */
const CHUNK_MS = 5;

let openStreams = 0;

/** Counts a call until it ends, and tells how. */
function track(call: grpc.ServerWritableStream<unknown, unknown> | grpc.ServerReadableStream<unknown, unknown>): void {
  openStreams += 1;
  let isOver = false;
  const end = (how: string) => (): void => {
    if (isOver) return;
    isOver = true;
    openStreams -= 1;
    console.log(`server: ${call.getPath()} ${how}, ${openStreams} open`);
  };
  call.once('cancelled', end('was cancelled'));
  call.once('finish', end('has ended'));
  call.once('close', end('has ended'));
}

const follow: grpc.handleServerStreamingCall<Topic, Story> = (call) => {
  track(call);
  let { fromNumber: number } = call.request;
  let left = STORIES_A_LINE;
  const telling = setInterval(() => {
    call.write({ number, headline: `${call.request.name}: story ${number}` });
    number += 1;
    left -= 1;
    if (left > 0) return;
    clearInterval(telling);
    call.emit('error', { code: grpc.status.UNAVAILABLE, details: 'the line broke' });
  }, STORY_EVERY_MS);
  call.once('cancelled', () => clearInterval(telling));
};

const submit: grpc.handleClientStreamingCall<Chunk, Receipt> = (call, callback) => {
  track(call);
  const take = async (): Promise<void> => {
    let receivedBytes = 0;
    for await (const { content } of call as AsyncIterable<Chunk>) {
      receivedBytes += content.length;
      await new Promise((resolve) => setTimeout(resolve, CHUNK_MS));
    }
    if (!call.cancelled) callback(null, { receivedBytes });
  };
  take().catch((error: unknown) => {
    // One that is cancelled is closed under whoever reads it, and has its status.
    if (!call.cancelled) callback({ code: grpc.status.INTERNAL, details: String(error) });
  });
};

const room = new Set<grpc.ServerDuplexStream<Line, Line>>();

const chat: grpc.handleBidiStreamingCall<Line, Line> = (call) => {
  track(call);
  room.add(call);
  call.on('data', (line: Line) => {
    for (const member of room) member.write(line);
  });
  call.on('end', () => {
    room.delete(call);
    call.end();
  });
  call.once('cancelled', () => room.delete(call));
};

const server = new grpc.Server();
server.addService(Newsroom.service, { follow, submit, chat });
server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.(port);
});
process.on('disconnect', () => process.exit());
