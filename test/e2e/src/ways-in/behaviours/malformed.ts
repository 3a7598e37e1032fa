import { constants } from 'node:http2';
import { deflateSync, gzipSync } from 'node:zlib';
import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import { expect } from 'vitest';
import type { Behaviour, Stage } from '../behaviour.js';
import { afterRequest, framed, type RawAnswer } from '../raw-server.js';
import { bothSides, callRaw, callRawStream, EMPTY_RESPONSE, responseBytes } from './raw-calls.js';
import { RecordedEvents } from '../recorded-events.js';

const answered = (name: string, answer: RawAnswer, outcome: object): Behaviour => ({
  name,
  run: (stage) => callRaw(stage, afterRequest(answer)),
  shows: { client: expect.arrayContaining([['callback', expect.objectContaining(outcome), undefined]]) },
});

/**
 * grpc-js resets such a stream when it has seen enough of it, if its end has not come by then: which is first is the
 * machine's to say.
 */
const whateverReset = (behaviour: Behaviour): Behaviour => ({
  ...behaviour,
  run: async (stage) => {
    const { client, server } = (await behaviour.run(stage)) as { client: unknown; server: readonly object[] };
    return { client, server: server.map((call) => ({ ...call, rstCode: undefined })) };
  },
});

const received = (name: string, headers: Record<string, string>, data: Buffer): Behaviour => ({
  name,
  run: (stage) => callRaw(stage, afterRequest({ headers, data: [data] })),
  shows: { client: expect.arrayContaining([['callback', null, expect.objectContaining({ payload: 'squeezed' })]]) },
});

const resetBy = (name: string, code: number, outcome: number): Behaviour => ({
  name: `a stream that the server resets with ${name}`,
  run: async (stage) => {
    const { client } = await callRaw(stage, (call) => void call.stream.on('end', () => call.stream.close(code)));
    return { client };
  },
  shows: { client: expect.arrayContaining([['callback', expect.objectContaining({ code: outcome }), undefined]]) },
});

/** grpc-js ends such a call for the client, and not always the stream. */
const unpacked = (name: string, headers: Record<string, string>, shows: unknown): Behaviour => ({
  name,
  run: async (stage) => {
    stage.raw.script(afterRequest({ headers, data: [framed(Buffer.from('x'), true)] }));
    const recorded = new RecordedEvents();
    recorded.on(stage.open().unary({}, { deadline: Date.now() + 1_000 }, recorded.callback));
    return recorded.over();
  },
  shows,
});

/** Asks for the next message whenever it has one. */
const readingOn: Interceptor = (options, nextCall) => {
  const call: InterceptingCall = new InterceptingCall(nextCall(options), {
    start: (metadata, _listener, next) =>
      next(metadata, {
        onReceiveMessage: (message, pass) => {
          pass(message);
          call.startRead();
        },
      }),
  });
  return call;
};

async function clientStreamEndedEarly(stage: Stage): Promise<unknown> {
  stage.raw.script((call) => call.answer({ data: [framed(responseBytes('early'))] }));
  const recorded = new RecordedEvents();
  const call = recorded.on(stage.open().clientStream(recorded.callback));
  call.write({ payload: Buffer.from('one') });
  const { client } = await bothSides(stage, recorded);
  return { client };
}

export const malformedBehaviours: readonly Behaviour[] = [
  answered('"No message received"', {}, { code: 12, details: 'No message received' }),
  {
    name: '"No message received" where a client streams',
    run: async (stage) => {
      stage.raw.script(afterRequest({}));
      const recorded = new RecordedEvents();
      recorded.on(stage.open().clientStream(recorded.callback)).end();
      return bothSides(stage, recorded);
    },
    shows: {
      client: expect.arrayContaining([
        ['callback', expect.objectContaining({ details: 'No message received' }), undefined],
      ]),
    },
  },
  {
    name: '"Too many responses received"',
    run: async (stage) => {
      stage.raw.script(afterRequest({ data: [EMPTY_RESPONSE, EMPTY_RESPONSE] }));
      const recorded = new RecordedEvents();
      const client = stage.open({ clientOptions: { interceptors: [readingOn] } });
      recorded.on(client.unary({}, recorded.callback));
      return { client: await recorded.over() };
    },
    shows: {
      client: expect.arrayContaining([
        ['callback', expect.objectContaining({ code: 12, details: 'Too many responses received' }), undefined],
      ]),
    },
  },
  {
    // grpc-js reads one message of a unary call, and has no status before all were read.
    name: 'a second response that nobody reads, and so no status before the deadline',
    run: async (stage) => {
      stage.raw.script(afterRequest({ data: [EMPTY_RESPONSE, EMPTY_RESPONSE] }));
      const recorded = new RecordedEvents();
      recorded.on(stage.open().unary({}, { deadline: Date.now() + 500 }, recorded.callback));
      return { client: await recorded.over() };
    },
    shows: { client: expect.arrayContaining([['status', expect.objectContaining({ code: 4 })]]) },
  },
  answered(
    'a message before a status that is an error',
    { data: [EMPTY_RESPONSE], trailers: { 'grpc-status': '10' } },
    { code: 10 },
  ),
  whateverReset(
    answered('a response that cannot be parsed', { data: [framed(Buffer.from([0xff, 0xff, 0xff]))] }, { code: 13 }),
  ),
  {
    name: 'a response in a stream that cannot be parsed',
    run: async (stage) => {
      const data = [
        framed(responseBytes('fine')),
        framed(Buffer.from([0xff, 0xff, 0xff])),
        framed(responseBytes('never seen')),
      ];
      const { client } = await callRawStream(stage, afterRequest({ data }));
      return client;
    },
    shows: expect.arrayContaining([
      ['error', expect.objectContaining({ code: 13, details: expect.stringContaining('parsing error') })],
    ]),
  },
  answered('a message that is cut short', { data: [Buffer.from([0, 0, 0, 0, 9, 1])] }, {}),
  unpacked('a response compressed in a way that nobody knows', { 'grpc-encoding': 'brotli-ish' }, expect.anything()),
  unpacked('a compressed message without an encoding', {}, expect.anything()),
  answered('HTTP status 404', { httpStatus: 404, trailersOnly: true, trailers: {} }, { code: 12 }),
  answered('HTTP status 503', { httpStatus: 503, trailersOnly: true, trailers: {} }, { code: 14 }),
  whateverReset(
    answered(
      'HTTP status 401 with a body',
      { httpStatus: 401, headers: { 'content-type': 'text/html' }, data: [Buffer.from('<html>')], trailers: {} },
      { code: 16 },
    ),
  ),
  ...['abc', '256', '300', '512', '-1', '1.5', '255'].map((sent) =>
    answered(
      `the status ${sent}, which gRPC does not know`,
      { data: [EMPTY_RESPONSE], trailers: { 'grpc-status': sent, 'grpc-message': 'odd' } },
      { code: Number(sent), details: 'odd' },
    ),
  ),
  answered(
    'a status that was sent twice',
    { data: [EMPTY_RESPONSE], trailers: { 'grpc-status': ['13', '13'] } },
    { code: NaN },
  ),
  answered('no status at all', { data: [EMPTY_RESPONSE], trailers: { other: 'x' } }, { code: 2 }),
  resetBy('CANCEL', constants.NGHTTP2_CANCEL, 1),
  resetBy('INTERNAL_ERROR', constants.NGHTTP2_INTERNAL_ERROR, 13),
  resetBy('ENHANCE_YOUR_CALM', constants.NGHTTP2_ENHANCE_YOUR_CALM, 8),
  resetBy('INADEQUATE_SECURITY', constants.NGHTTP2_INADEQUATE_SECURITY, 7),
  {
    name: 'a first try that is refused, and a second that is not',
    run: (stage) =>
      callRaw(stage, (call, number) => {
        if (number === 1) call.stream.close(constants.NGHTTP2_REFUSED_STREAM);
        else afterRequest({ data: [framed(responseBytes('second'))] })(call);
      }).then(({ client }) => client),
    shows: expect.arrayContaining([['callback', null, expect.objectContaining({ payload: 'second' })]]),
  },
  received(
    'a response that is compressed by gzip',
    { 'grpc-encoding': 'gzip' },
    framed(gzipSync(responseBytes('squeezed')), true),
  ),
  received(
    'a response that is compressed by deflate',
    { 'grpc-encoding': 'deflate' },
    framed(deflateSync(responseBytes('squeezed')), true),
  ),
  received(
    'a response that might be compressed and is not',
    { 'grpc-encoding': 'gzip' },
    framed(responseBytes('squeezed')),
  ),
  {
    name: 'a client stream that is answered before it ends',
    run: clientStreamEndedEarly,
    shows: { client: expect.arrayContaining([['callback', null, expect.objectContaining({ payload: 'early' })]]) },
  },
];
