/** A program that calls once, is stopped for some seconds, and calls three times when it goes on. */
import { credentials } from '@grpc/grpc-js';
import { tally } from '../seen.js';
import { UnaryCall } from '../watched-call.js';
import { enter } from '../way.js';
import { begun, programOptions, tell } from './program-side.js';

const { way, target } = programOptions();
const { client, close } = enter(way, {
  target,
  credentials: credentials.createInsecure(),
  channelOptions: {},
  plainOptions: {},
  pool: {},
  clientOptions: {},
});
const before = await new UnaryCall(client).ended;
await begun();
const after = await Promise.all([1, 2, 3].map(() => new UnaryCall(client, { timeoutMs: 5_000 }).ended));
await close();
tell({ before, after: tally(after) });
