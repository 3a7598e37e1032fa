import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Behaviour } from '../behaviour.js';
import { afterRequest, framed } from '../raw-server.js';
import { RecordedEvents } from '../recorded-events.js';
import { bothSides, EMPTY_RESPONSE, responseBytes } from './raw-calls.js';

const text = (payload: string): { payload: Buffer } => ({ payload: Buffer.from(payload) });

export const streamBehaviours: readonly Behaviour[] = [
  {
    name: 'a conversation, each message after the answer to the one before',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const call = recorded.on(stage.open({ target: stage.echo.target }).bidi());
      for (const word of ['one', 'two', 'three']) {
        const answered = new Promise((resolve) => call.once('data', resolve));
        call.write(text(word));
        await answered;
        recorded.note('answered', word);
      }
      call.end();
      return recorded.over();
    },
    shows: expect.arrayContaining([['data', expect.objectContaining({ payload: 'three', sequence: 2 })], ['end']]),
  },
  {
    name: 'many messages one way, in order',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      recorded.on(stage.open({ target: stage.echo.target }).serverStream({ responseCount: 500, responseBytes: 1_000 }));
      return recorded.over();
    },
    shows: expect.objectContaining({ length: 500 + 3 }),
  },
  {
    name: 'many messages the other way, and the callbacks of the writes',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const call = recorded.on(stage.open({ target: stage.echo.target }).clientStream(recorded.callback));
      const written: number[] = [];
      for (let number = 0; number < 100; number += 1) call.write(text('m'), () => written.push(number));
      call.end();
      return [await recorded.over(), written];
    },
    shows: [
      expect.arrayContaining([['callback', null, expect.objectContaining({ receivedMessages: 100 })]]),
      Array.from({ length: 100 }, (_, index) => index),
    ],
  },
  {
    name: 'writes that are told to slow down, and when to go on',
    run: async (stage) => {
      stage.raw.script(afterRequest({ data: [EMPTY_RESPONSE] }));
      const recorded = new RecordedEvents();
      const call = recorded.on(stage.open().clientStream(recorded.callback));
      const answers = Array.from({ length: 20 }, () => call.write(text('m')));
      recorded.note(answers.indexOf(false), call.writableLength);
      await new Promise((resolve) => call.once('drain', resolve));
      recorded.note('drained');
      call.end();
      return bothSides(stage, recorded);
    },
    shows: { client: expect.arrayContaining([[15, 20], ['drained']]) },
  },
  {
    name: 'a write after the end',
    run: async (stage) => {
      stage.raw.script(afterRequest({ data: [EMPTY_RESPONSE] }));
      const recorded = new RecordedEvents();
      const call = recorded.on(stage.open().clientStream(recorded.callback));
      call.end(text('last'));
      await new Promise<void>((resolve) =>
        call.write(text('too late'), (error?: Error | null) => {
          recorded.note('write', (error as NodeJS.ErrnoException)?.code);
          resolve();
        }),
      );
      await turn();
      // It has destroyed the stream. A pooled client cancels the call then; elsewhere it hangs.
      return recorded.soFar.slice(0, 2);
    },
    shows: expect.arrayContaining([['write', 'ERR_STREAM_WRITE_AFTER_END']]),
  },
  {
    name: 'a client stream without a message',
    run: async (stage) => {
      stage.raw.script(afterRequest({ data: [framed(responseBytes('nothing came'))] }));
      const recorded = new RecordedEvents();
      recorded.on(stage.open().clientStream(recorded.callback)).end();
      return bothSides(stage, recorded);
    },
    shows: { server: [expect.objectContaining({ messages: [], isHalfClosed: true })] },
  },
  {
    name: 'a server stream without a message',
    run: async (stage) => {
      stage.raw.script(afterRequest({}));
      const recorded = new RecordedEvents();
      recorded.on(stage.open().serverStream({}));
      return bothSides(stage, recorded);
    },
    shows: { client: expect.arrayContaining([['end'], ['status', expect.objectContaining({ code: 0 })]]) },
  },
  {
    name: 'a stream that fails after messages',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const request = { responseCount: 3, statusCode: 10, statusDetails: 'enough', payload: Buffer.from('m') };
      recorded.on(stage.open({ target: stage.echo.target }).serverStream(request));
      return recorded.over();
    },
    shows: expect.arrayContaining([
      ['data', expect.objectContaining({ sequence: 2 })],
      ['error', expect.objectContaining({ code: 10 })],
    ]),
  },
  {
    name: 'a stream that is read late, and only as far as it is asked',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const client = stage.open({ target: stage.echo.target });
      const call = recorded.on(
        client.serverStream({ responseCount: 40, sendInitialMetadata: true, payload: Buffer.from('m') }),
        false,
      );
      await new Promise((resolve) => call.once('metadata', resolve));
      const read: number[] = [];
      for await (const response of call) {
        read.push((response as { sequence: number }).sequence);
        await turn();
      }
      return [await recorded.over(), read];
    },
    shows: [
      expect.arrayContaining([['status', expect.objectContaining({ code: 0 })]]),
      expect.objectContaining({ length: 40 }),
    ],
  },
  {
    name: 'a conversation that the server ends while the client still speaks',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const call = recorded.on(stage.open({ target: stage.echo.target }).bidi());
      call.write({ statusCode: 9, statusDetails: 'stop' });
      await recorded.over();
      call.write(text('nobody hears'));
      call.end();
      return recorded.over();
    },
    shows: expect.arrayContaining([['error', expect.objectContaining({ code: 9, details: 'stop' })]]),
  },
];
