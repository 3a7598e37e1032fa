/** A program that begins two hundred calls and closes its client in the same tick. */
import { credentials } from '@grpc/grpc-js';
import { tally } from '../seen.js';
import { UnaryCall } from '../watched-call.js';
import { enter } from '../way.js';
import { begun, programOptions, tell } from './program-side.js';

const { way, target } = programOptions();
const { client } = enter(way, {
  target,
  credentials: credentials.createInsecure(),
  channelOptions: {},
  plainOptions: {},
  pool: {},
  clientOptions: {},
});
const calls = Array.from({ length: 200 }, () => new UnaryCall(client).ended);
client.close();
const seen = tally(await Promise.all(calls));
await begun();
tell({ calls: seen });
