/** A program whose calls have deadlines that are no times. */
import { credentials } from '@grpc/grpc-js';
import { inOrder } from '../seen.js';
import { UnaryCall } from '../watched-call.js';
import { enter } from '../way.js';
import { programOptions, tell } from './program-side.js';

const { way, target } = programOptions();
const { client, close } = enter(way, {
  target,
  credentials: credentials.createInsecure(),
  channelOptions: {},
  plainOptions: {},
  pool: {},
  clientOptions: {},
});
await new UnaryCall(client).ended;
const codes: string[] = [];
for (const deadline of [NaN, new Date(NaN)]) {
  codes.push(await new UnaryCall(client, { request: { hang: true }, options: { deadline } }).ended);
}
await close();
tell({ calls: inOrder(codes) });
