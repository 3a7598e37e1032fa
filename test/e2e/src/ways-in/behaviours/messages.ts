import { expect } from 'vitest';
import type { EchoRequest } from '@grpc-manifold/testing';
import type { Behaviour, Stage } from '../behaviour.js';
import { afterRequest, framed } from '../raw-server.js';
import { RecordedEvents } from '../recorded-events.js';
import { bothSides, callRaw, EMPTY_RESPONSE, responseBytes } from './raw-calls.js';

const MEGABYTES_3 = Buffer.alloc(3 * 1024 * 1024, 'x');

async function callEcho(stage: Stage, request: EchoRequest, channelOptions = {}): Promise<unknown[]> {
  const recorded = new RecordedEvents();
  const client = stage.open({ target: stage.echo.target, channelOptions });
  recorded.on(client.unary(request, recorded.callback));
  return recorded.over();
}

const failsWith = (code: number, details: unknown = expect.anything()): unknown =>
  expect.arrayContaining([['callback', expect.objectContaining({ code, details }), undefined]]);

export const messageBehaviours: readonly Behaviour[] = [
  {
    name: 'an empty message, both ways',
    run: (stage) => callRaw(stage, afterRequest({ data: [EMPTY_RESPONSE] }), {}, undefined, {}, {}),
    shows: {
      server: [expect.objectContaining({ messages: [''] })],
      client: expect.arrayContaining([['callback', null, expect.objectContaining({ payload: '' })]]),
    },
  },
  {
    name: 'a message of 3 MiB, both ways',
    run: (stage) => callEcho(stage, { payload: MEGABYTES_3 }),
    shows: expect.arrayContaining([['callback', null, expect.objectContaining({ receivedBytes: MEGABYTES_3.length })]]),
  },
  {
    name: 'a response above the default bound of 4 MiB',
    run: (stage) => callEcho(stage, { responseBytes: 4 * 1024 * 1024 + 1 }),
    shows: failsWith(8),
  },
  {
    name: 'a response above a bound of its own',
    run: (stage) => callEcho(stage, { responseBytes: 200 }, { 'grpc.max_receive_message_length': 100 }),
    shows: failsWith(8),
  },
  {
    name: 'a response above no bound',
    run: (stage) => callEcho(stage, { responseBytes: 5 * 1024 * 1024 }, { 'grpc.max_receive_message_length': -1 }),
    shows: expect.arrayContaining([['callback', null, expect.anything()]]),
  },
  {
    name: 'a compressed response that is too large only when it is unpacked',
    run: async (stage) => {
      const { gzipSync } = await import('node:zlib');
      const data = [framed(gzipSync(responseBytes('x'.repeat(10_000))), true)];
      const { client } = await callRaw(
        stage,
        afterRequest({ headers: { 'grpc-encoding': 'gzip' }, data }),
        {},
        undefined,
        {
          'grpc.max_receive_message_length': 5_000,
        },
      );
      return client;
    },
    shows: failsWith(8),
  },
  {
    name: 'a request above a bound',
    run: (stage) => callEcho(stage, { payload: Buffer.alloc(200) }, { 'grpc.max_send_message_length': 100 }),
    shows: failsWith(8),
  },
  {
    name: 'a request above a bound, in a stream',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const channelOptions = { 'grpc.max_send_message_length': 100 };
      const call = recorded.on(stage.open({ target: stage.echo.target, channelOptions }).bidi());
      await new Promise<void>((resolve) => {
        call.once('data', () => resolve());
        call.write({ payload: Buffer.from('small') });
      });
      call.write({ payload: Buffer.alloc(200) });
      return recorded.over();
    },
    shows: expect.arrayContaining([
      ['data', expect.objectContaining({ payload: 'small' })],
      ['error', expect.objectContaining({ code: 8 })],
    ]),
  },
  {
    name: 'a request that cannot be serialized',
    run: (stage) => callEcho(stage, { echoMetadata: 5 } as unknown as EchoRequest),
    shows: failsWith(13, expect.stringContaining('Request message serialization failure')),
  },
  {
    name: 'a request that cannot be serialized, in a stream',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const call = recorded.on(stage.open({ target: stage.echo.target }).bidi());
      call.write({ echoMetadata: 5 } as unknown as EchoRequest);
      return recorded.over();
    },
    shows: expect.arrayContaining([['error', expect.objectContaining({ code: 13 })]]),
  },
  {
    name: 'requests that are compressed',
    run: async (stage) => {
      stage.raw.script(afterRequest({ data: [EMPTY_RESPONSE] }));
      const recorded = new RecordedEvents();
      const client = stage.open({ channelOptions: { 'grpc.default_compression_algorithm': 2 } });
      const call = recorded.on(client.clientStream(recorded.callback));
      call.write({ payload: Buffer.alloc(500, 'a') });
      // WriteFlags.NoCompress, where grpc-js takes it: in the place of the encoding.
      call.write({ payload: Buffer.alloc(3, 'b') }, 2 as unknown as BufferEncoding);
      call.end();
      return bothSides(stage, recorded);
    },
    shows: {
      server: [
        expect.objectContaining({
          messages: [expect.stringMatching(/^compressed /), expect.not.stringMatching(/^compressed/)],
        }),
      ],
    },
  },
];
