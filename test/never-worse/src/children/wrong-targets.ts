/** A program that calls wrong targets one after another, while a stream to a good one goes on. */
import { credentials } from '@grpc/grpc-js';
import { threadChannelFactory } from '@grpc-manifold/thread-channel';
import { inOrder } from '../seen.js';
import { Conversation, UnaryCall } from '../watched-call.js';
import { enter, type Entrance } from '../way.js';
import { programOptions, tell } from './program-side.js';
import type { WrongTargetsOptions } from './wrong-targets-contract.js';

const { way, target, wrong } = programOptions<WrongTargetsOptions>();
// One thread for all of them: what ends it ends the stream.
const inThreads = threadChannelFactory({ threads: 1 });

function open(to: string, channelOptions = {}): Entrance {
  const wish = { target: to, credentials: credentials.createInsecure(), channelOptions, plainOptions: {}, pool: {} };
  return enter(way, { ...wish, clientOptions: {} }, inThreads);
}

const good = open(target);
const stream = new Conversation(good.client);
stream.call.write({});
await stream.received(1);

const codes: string[] = [];
for (const { target: to, channelOptions } of wrong) {
  const entrance = open(to, channelOptions);
  codes.push(await new UnaryCall(entrance.client).ended);
  await entrance.close();
}
stream.call.end();
const ended = await stream.ended;
await good.close();
await inThreads[Symbol.asyncDispose]();
tell({ calls: inOrder(codes), 'a stream to another server': ended });
