import { Metadata } from '@grpc/grpc-js';
import { expect } from 'vitest';
import type { Behaviour } from '../behaviour.js';
import { afterRequest, framed } from '../raw-server.js';
import { RecordedEvents } from '../recorded-events.js';
import { callRaw, callRawStream, EMPTY_RESPONSE } from './raw-calls.js';

const anyStatus = (code: number): unknown => expect.arrayContaining([['status', expect.objectContaining({ code })]]);

/** What grpc-js lets pass as the value of a name, though its types do not. */
const oddValue = (name: string, value: unknown, header: [string, string][]): Behaviour => ({
  name: `request metadata that is no string: ${name}`,
  run: (stage) => {
    const metadata = new Metadata();
    metadata.set('odd', value as string);
    return callRaw(stage, afterRequest({ data: [EMPTY_RESPONSE] }), {}, metadata);
  },
  shows: { server: [expect.objectContaining({ headers: expect.arrayContaining(header) })] },
});

export const metadataBehaviours: readonly Behaviour[] = [
  oddValue('a number', 3, [['odd', '3']]),
  oddValue('true', true, [['odd', 'true']]),
  oddValue('a list', ['a', 'b'], []),
  oddValue('undefined', undefined, []),
  {
    name: 'a header that is called as the prototype of objects is',
    run: (stage) => {
      const headers = JSON.parse('{ "__proto__": "hello", "after": "it" }') as Record<string, string>;
      return callRaw(stage, afterRequest({ headers, data: [EMPTY_RESPONSE] })).then(({ client }) => client);
    },
    shows: expect.arrayContaining([['metadata', expect.arrayContaining([['after', ['it']]])]]),
  },
  {
    name: 'request metadata in the order it was set, every value of a name',
    run: (stage) => {
      const metadata = new Metadata();
      for (const [name, value] of [
        ['z', '1'],
        ['a', '2'],
        ['z', '3'],
        ['m', '4, 5'],
      ] as const) {
        metadata.add(name, value);
      }
      return callRaw(stage, afterRequest({ data: [EMPTY_RESPONSE] }), {}, metadata);
    },
    shows: {
      server: [
        expect.objectContaining({
          headers: expect.arrayContaining([
            ['z', '1'],
            ['z', '3'],
            ['a', '2'],
          ]),
        }),
      ],
    },
  },
  {
    name: 'binary metadata, sent and received',
    run: (stage) => {
      const metadata = new Metadata();
      metadata.add('one-bin', Buffer.from([0, 255, 10]));
      metadata.add('one-bin', Buffer.alloc(0));
      const headers = { 'back-bin': Buffer.from([1, 0, 254]).toString('base64') };
      const trailers = { 'grpc-status': '0', 'late-bin': Buffer.from([7]).toString('base64') };
      return callRaw(stage, afterRequest({ headers, data: [EMPTY_RESPONSE], trailers }), {}, metadata);
    },
    shows: {
      client: expect.arrayContaining([
        ['metadata', expect.arrayContaining([['back-bin', [Buffer.from([1, 0, 254])]]])],
        ['status', expect.objectContaining({ metadata: [['late-bin', [Buffer.from([7])]]] })],
      ]),
    },
  },
  {
    name: 'initial metadata and trailers, each where it belongs',
    run: (stage) =>
      callRaw(
        stage,
        afterRequest({
          headers: { first: ['a', 'b'], both: 'head' },
          data: [EMPTY_RESPONSE],
          trailers: { 'grpc-status': '0', both: 'tail', last: ['c', 'd'] },
        }),
      ),
    shows: { client: anyStatus(0) },
  },
  {
    name: 'no metadata event for a response of trailers only',
    run: (stage) =>
      callRaw(
        stage,
        afterRequest({ trailersOnly: true, trailers: { 'grpc-status': '7', 'grpc-message': 'no', why: 'so' } }),
      ),
    shows: {
      client: [
        ['callback', expect.objectContaining({ code: 7 }), undefined],
        ['status', expect.anything()],
      ],
    },
  },
  {
    name: 'details of a status in any script',
    run: (stage) =>
      callRaw(
        stage,
        afterRequest({ trailers: { 'grpc-status': '9', 'grpc-message': encodeURIComponent('größer — 大 %') } }),
      ),
    shows: { client: expect.arrayContaining([['status', expect.objectContaining({ details: 'größer — 大 %' })]]) },
  },
  {
    name: 'details of a status that are encoded wrongly',
    run: (stage) => callRaw(stage, afterRequest({ trailers: { 'grpc-status': '9', 'grpc-message': '%ZZ%' } })),
    shows: { client: anyStatus(9) },
  },
  {
    name: 'rich details of a status',
    run: (stage) => {
      const rich = Buffer.from('rich details').toString('base64');
      return callRaw(stage, afterRequest({ trailers: { 'grpc-status': '3', 'grpc-status-details-bin': rich } }));
    },
    shows: {
      client: expect.arrayContaining([
        ['status', expect.objectContaining({ metadata: [['grpc-status-details-bin', [Buffer.from('rich details')]]] })],
      ]),
    },
  },
  {
    name: 'a status code that gRPC does not have',
    run: (stage) => callRaw(stage, afterRequest({ trailers: { 'grpc-status': '99' } })),
    shows: { client: expect.arrayContaining([['callback', expect.objectContaining({ code: 99 }), undefined]]) },
  },
  {
    name: 'the host of a call as its authority',
    run: (stage) => callRaw(stage, afterRequest({ data: [EMPTY_RESPONSE] }), { host: 'elsewhere.example' }),
    shows: {
      server: [expect.objectContaining({ headers: expect.arrayContaining([[':authority', 'elsewhere.example']]) })],
    },
  },
  {
    name: 'authority and user agent of the channel options',
    run: (stage) =>
      callRaw(stage, afterRequest({ data: [EMPTY_RESPONSE] }), {}, new Metadata(), {
        'grpc.default_authority': 'default.example',
        'grpc.primary_user_agent': 'first',
        'grpc.secondary_user_agent': 'second',
      }),
    shows: {
      server: [
        expect.objectContaining({
          headers: expect.arrayContaining([
            [':authority', 'default.example'],
            ['user-agent', expect.stringMatching(/^first .* second$/)],
          ]),
        }),
      ],
    },
  },
  {
    name: 'metadata of the caller left as it was',
    run: async (stage) => {
      const metadata = new Metadata();
      metadata.set('mine', '1');
      await callRaw(stage, afterRequest({ data: [EMPTY_RESPONSE] }), { deadline: Date.now() + 60_000 }, metadata);
      return metadata.getMap();
    },
    shows: { mine: '1' },
  },
  {
    name: 'metadata of each kind of call',
    run: async (stage) => {
      const metadata = new Metadata();
      metadata.set('kind', 'stream');
      return callRawStream(
        stage,
        afterRequest({ headers: { answer: 'yes' }, data: [EMPTY_RESPONSE, EMPTY_RESPONSE] }),
        metadata,
      );
    },
    shows: { client: expect.arrayContaining([['metadata', expect.arrayContaining([['answer', ['yes']]])], ['end']]) },
  },
  {
    name: 'initial metadata before the first message, and while the call goes on',
    run: async (stage) => {
      stage.raw.script((call) => {
        call.stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', early: 'bird' },
          { waitForTrailers: true },
        );
        call.stream.on('wantTrailers', () => call.stream.sendTrailers({ 'grpc-status': '0' }));
        call.stream.on('end', () => call.stream.end(framed(Buffer.alloc(0))));
      });
      const recorded = new RecordedEvents();
      const call = recorded.on(stage.open().bidi());
      await new Promise((resolve) => call.once('metadata', resolve));
      recorded.note('half-closing now');
      call.end();
      return recorded.over();
    },
    shows: [
      ['metadata', expect.arrayContaining([['early', ['bird']]])],
      ['half-closing now'],
      ['data', expect.anything()],
      ['status', expect.anything()],
      ['end'],
    ],
  },
];
