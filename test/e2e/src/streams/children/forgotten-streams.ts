import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { credentials, type ClientReadableStream } from '@grpc/grpc-js';
import { loadEchoPackage, type EchoClient, type EchoResponse } from '@grpc-manifold/testing';
import { createPooledClient, openStreams, scoped, scopedUpload, StreamScope, watchStreams } from 'grpc-manifold';
import { programOptions, say, threads, told } from '../../lifecycle/children/program-side.js';
import {
  FORGOTTEN,
  HELD,
  type ForgottenStreamsMessage,
  type ForgottenStreamsOptions,
  type ReportedStream,
} from './forgotten-streams-contract.js';

/** Rounds of the garbage collector, each followed by a turn of the event loop in which finalizers run. */
const MAX_ROUNDS = 500;

const options = programOptions<ForgottenStreamsOptions>();
const collectGarbage = globalThis.gc;
if (collectGarbage === undefined) throw new Error('run with --expose-gc');

const { EchoClient: Echo } = loadEchoPackage();
const client: EchoClient =
  options.client === 'pooled'
    ? createPooledClient(Echo, options.target, credentials.createInsecure(), { threads })
    : new Echo(options.target, credentials.createInsecure());
const reports: ReportedStream[] = [];
const warnings: string[] = [];
if (options.watches) {
  watchStreams({
    onAlarm: ({ reason, stream }) => reports.push({ reason, method: stream?.method, openedAt: stream?.openedAt }),
  });
}
process.on('warning', (warning) => warnings.push(warning.message));

const controller = new AbortController();
const answering = { responseCount: 3, hang: true };
const captureStack = true;
const ignore = (): void => {};

/** Has listeners of the user's, on the stream of grpc-js itself. */
function listened(call: ClientReadableStream<EchoResponse>): ClientReadableStream<EchoResponse> {
  return call.on('metadata', ignore).on('error', ignore).on('status', ignore);
}

/** What is to be forgotten, until all calls have reached the server. */
const remembered = new Set<unknown>();

/** Each opens a stream and gives what holds it. */
const forget: Readonly<Record<(typeof FORGOTTEN)[number], () => unknown>> = {
  'with nothing attached': () => scoped(client.serverStream(answering), { captureStack }),
  'with listeners attached': () => {
    const stream = scoped(listened(client.serverStream(answering)), { captureStack });
    void stream.status.then(ignore);
    void stream.headers.then(ignore, ignore);
    return stream;
  },
  'with a live abort signal': () => scoped(client.serverStream(answering), { captureStack, signal: controller.signal }),
  'with a life-time timer and an idle timer': () =>
    scoped(client.serverStream(answering), { captureStack, maxLifetimeMs: 3_600_000, idleTimeoutMs: 3_600_000 }),
  'with a pending write and a pending read': () => {
    const stream = scoped(client.bidi(), { captureStack });
    void stream.write({ hang: true }).catch(ignore);
    void stream[Symbol.asyncIterator]().next().catch(ignore);
    return stream;
  },
  'in the middle of its messages': async () => {
    const stream = scoped(client.serverStream(answering), { captureStack });
    const messages = stream[Symbol.asyncIterator]();
    await messages.next();
    return messages;
  },
  'as an upload': () => {
    const upload = scopedUpload<object, EchoResponse>((callback) => client.clientStream(callback), { captureStack });
    void upload.write({ hang: true }).catch(ignore);
    return upload;
  },
  'in a scope that is forgotten with it': () => {
    const scope = new StreamScope({ captureStack, signal: controller.signal });
    scope.add(client.serverStream(answering));
    return scope;
  },
};

/** Nobody has forgotten these, though of the stream itself they hold little. */
const held: Readonly<Record<(typeof HELD)[number], () => unknown>> = {
  'by a variable': () => scoped(client.serverStream(answering), { captureStack }),
  'by whoever reads it': async () => {
    for await (const _ of scoped(client.serverStream(answering), { captureStack }));
  },
  'by whoever waits for its response': () => {
    const upload = scopedUpload<object, EchoResponse>((callback) => client.clientStream(callback));
    void upload.write({ hang: true });
    return upload.finish();
  },
  'by its scope': () => {
    const scope = new StreamScope();
    scope.add(client.bidi()).write({ hang: true }).catch(ignore);
    return scope;
  },
};
const holders = HELD.map((how) => held[how]());

for (const how of FORGOTTEN) remembered.add(await forget[how]());
say<ForgottenStreamsMessage>({ kind: 'opened' });
await told('forget');
remembered.clear();
for (let round = 0; round < MAX_ROUNDS && openStreams().length > HELD.length; round += 1) {
  collectGarbage();
  await turn();
}
// Whatever else there is to be found, it is found now.
for (let round = 0; round < 10; round += 1) {
  collectGarbage();
  await turn();
}
say<ForgottenStreamsMessage>({
  kind: 'collected',
  reports,
  warnings,
  listed: openStreams().length,
  abortListeners: getEventListeners(controller.signal, 'abort').length,
});
await told('end');
process.exitCode = holders.length === HELD.length ? 0 : 1;
process.removeAllListeners('message');
client.close();
process.disconnect();
process.exit();
