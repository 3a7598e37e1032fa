import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as turn } from 'node:timers/promises';
import { Metadata, type ChannelOptions } from '@grpc/grpc-js';
import { expect } from 'vitest';
import type { Behaviour } from '../behaviour.js';
import { framed, type RawCall } from '../raw-server.js';
import { RecordedEvents } from '../recorded-events.js';
import { bothSides, callRaw, responseBytes } from './raw-calls.js';

/** Accepts calls and answers none. */
const silent = (): void => undefined;
/** A service config that gives every method a timeout. */
const withTimeout = (timeout: unknown): ChannelOptions => ({
  'grpc.service_config': JSON.stringify({ methodConfig: [{ name: [{}], timeout }] }),
});
const NOBODY = 'ipv4:127.0.0.1:1';
const endsWith = (code: number): unknown =>
  expect.arrayContaining([['callback', expect.objectContaining({ code }), undefined]]);

export const endingBehaviours: readonly Behaviour[] = [
  {
    name: 'a deadline that passes, and the reset that the server gets',
    run: (stage) => callRaw(stage, silent, { deadline: Date.now() + 600 }),
    shows: { client: endsWith(4), server: [expect.objectContaining({ rstCode: 8 })] },
  },
  {
    name: 'a timeout of the method config that passes, and the reset that the server gets',
    run: (stage) => callRaw(stage, silent, {}, new Metadata(), withTimeout({ seconds: 0, nanos: 500_000_000 })),
    shows: { client: endsWith(4), server: [expect.objectContaining({ rstCode: 8 })] },
  },
  {
    name: 'a timeout of the method config, told to the server',
    run: async (stage) => {
      const answer = (call: RawCall): void => call.answer({ data: [framed(Buffer.alloc(0))] });
      await callRaw(stage, answer, { deadline: Date.now() + 600_000 }, new Metadata(), withTimeout('60s'));
      const timeoutMs = stage.raw.calls[0]?.timeoutMs ?? 0;
      return { isAboutAMinute: timeoutMs > 50_000 && timeoutMs <= 60_000 };
    },
    shows: { isAboutAMinute: true },
  },
  {
    name: 'a deadline that is a Date, told to the server',
    run: async (stage) => {
      const answered = callRaw(stage, (call) => call.answer({ data: [framed(Buffer.alloc(0))] }), {
        deadline: new Date(Date.now() + 60_000),
      });
      const { client } = await answered;
      const timeoutMs = stage.raw.calls[0]?.timeoutMs ?? 0;
      return { client, server: stage.raw.calls[0]?.headers, isAboutAMinute: timeoutMs > 50_000 && timeoutMs <= 60_000 };
    },
    shows: { isAboutAMinute: true },
  },
  {
    name: 'no deadline, and so no grpc-timeout',
    run: async (stage) => {
      await callRaw(stage, (call) => call.answer({ data: [framed(Buffer.alloc(0))] }), { deadline: Infinity });
      return stage.raw.calls[0]?.headers.map(([name]) => name);
    },
    shows: expect.not.arrayContaining(['grpc-timeout']),
  },
  {
    name: 'a deadline that has passed before the call',
    run: async (stage) => {
      const { client } = await callRaw(stage, silent, { deadline: Date.now() - 1_000 });
      return client;
    },
    shows: endsWith(4),
  },
  {
    name: 'a stream whose deadline passes between messages',
    run: async (stage) => {
      stage.raw.script(({ stream }) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
        stream.write(framed(responseBytes('one')));
        stream.write(framed(responseBytes('two')));
      });
      const recorded = new RecordedEvents();
      recorded.on(stage.open().serverStream({}, { deadline: Date.now() + 1_000 }));
      return bothSides(stage, recorded);
    },
    shows: {
      client: expect.arrayContaining([
        ['data', expect.objectContaining({ payload: 'two' })],
        ['error', expect.objectContaining({ code: 4 })],
      ]),
    },
  },
  {
    name: 'a cancel in the tick of the start',
    run: async (stage) => {
      stage.raw.script(silent);
      const recorded = new RecordedEvents();
      recorded.on(stage.open().unary({}, recorded.callback)).cancel();
      return recorded.over();
    },
    shows: endsWith(1),
  },
  {
    name: 'a cancel while the server works, and the reset that it gets',
    run: async (stage) => {
      stage.raw.script(silent);
      const recorded = new RecordedEvents();
      const call = recorded.on(stage.open().unary({}, recorded.callback));
      await stage.raw.waitFor(([first]) => first?.isHalfClosed === true);
      call.cancel();
      return bothSides(stage, recorded);
    },
    shows: { client: endsWith(1), server: [expect.objectContaining({ rstCode: 8, isHalfClosed: true })] },
  },
  {
    name: 'a cancel after the first message of a stream',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const client = stage.open({ target: stage.echo.target });
      const call = recorded.on(client.serverStream({ responseCount: 1, hang: true, payload: Buffer.from('m') }));
      await new Promise((resolve) => call.once('data', resolve));
      call.cancel();
      return recorded.over();
    },
    shows: expect.arrayContaining([['error', expect.objectContaining({ code: 1, details: 'Cancelled on client' })]]),
  },
  {
    name: 'a cancel of a client stream, and writes after it',
    run: async (stage) => {
      stage.raw.script(silent);
      const recorded = new RecordedEvents();
      const call = recorded.on(stage.open().clientStream(recorded.callback));
      call.write({ payload: Buffer.from('one') });
      await stage.raw.waitFor(([first]) => first?.messages.length === 1);
      call.cancel();
      const seen = await bothSides(stage, recorded);
      call.write({ payload: Buffer.from('late') });
      await turn();
      return seen;
    },
    shows: { client: endsWith(1), server: [expect.objectContaining({ rstCode: 8 })] },
  },
  {
    name: 'a cancel that comes twice, and one that comes too late',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const client = stage.open({ target: stage.echo.target });
      const call = recorded.on(client.unary({ hang: true }, recorded.callback));
      await turn();
      call.cancel();
      call.cancel();
      await recorded.over();
      call.cancel();
      return recorded.over();
    },
    shows: [
      ['callback', expect.objectContaining({ code: 1 }), undefined],
      ['status', expect.objectContaining({ code: 1 })],
    ],
  },
  {
    name: 'a stream that is destroyed',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const client = stage.open({ target: stage.echo.target });
      const call = recorded.on(client.serverStream({ responseCount: 1, hang: true }));
      await new Promise((resolve) => call.once('data', resolve));
      call.destroy(new Error('enough'));
      await turn();
      call.cancel();
      return recorded.over();
    },
    shows: expect.arrayContaining([['error', expect.objectContaining({ message: 'enough' })]]),
  },
  {
    name: 'the codes and details of statuses from the server, for each kind of call',
    run: async (stage) => {
      const client = stage.open({ target: stage.echo.target });
      const outcomes: unknown[] = [];
      for (let statusCode = 1; statusCode <= 16; statusCode += 1) {
        const recorded = new RecordedEvents();
        const request = { statusCode, statusDetails: `details ${statusCode}` };
        if (statusCode % 4 === 0) recorded.on(client.unary(request, recorded.callback));
        else if (statusCode % 4 === 1) recorded.on(client.serverStream(request));
        else if (statusCode % 4 === 2) recorded.on(client.clientStream(recorded.callback)).end(request);
        else recorded.on(client.bidi()).end(request);
        outcomes.push(await recorded.over());
      }
      return outcomes;
    },
    shows: expect.objectContaining({ length: 16 }),
  },
  {
    name: 'nobody there',
    run: async (stage) => {
      const recorded = new RecordedEvents();
      const client = stage.open({ target: NOBODY });
      client.unary({}, (error) => recorded.note('callback', error?.code)).on('status', () => recorded.note('status'));
      await new Promise((resolve) => client.unary({}, resolve));
      return recorded.soFar;
    },
    shows: [['callback', 14], ['status']],
  },
  {
    name: 'nobody there, and a call that waits for somebody until its deadline',
    run: async (stage) => {
      const metadata = new Metadata({ waitForReady: true });
      const recorded = new RecordedEvents();
      const client = stage.open({ target: NOBODY });
      recorded.on(client.unary({}, metadata, { deadline: Date.now() + 300 }, recorded.callback));
      return recorded.over();
    },
    shows: endsWith(4),
  },
  {
    name: 'a connection that breaks while the server works',
    run: async (stage) => {
      const { client } = await callRaw(stage, (call) => void call.stream.on('end', () => call.session.destroy()));
      return client.map((event) => (Array.isArray(event) && event[0] === 'callback' ? ['callback', 'error'] : event))
        .length;
    },
    shows: 2,
  },
  {
    name: 'the async context that a call was made in',
    run: async (stage) => {
      const context = new AsyncLocalStorage<string>();
      const client = stage.open({ target: stage.echo.target });
      await new Promise((resolve) => client.unary({}, resolve));
      const stores: (string | undefined)[] = [];
      await Promise.all(
        ['a', 'b', 'c'].map((store) =>
          context.run(
            store,
            () => new Promise<void>((resolve) => client.unary({}, () => (stores.push(context.getStore()), resolve()))),
          ),
        ),
      );
      return stores.sort();
    },
    shows: ['a', 'b', 'c'],
  },
  {
    name: 'the peer of a call, before and after',
    run: async (stage) => {
      stage.raw.script((call) => call.answer({ data: [framed(responseBytes('x'))] }));
      const recorded = new RecordedEvents();
      const call = recorded.on(stage.open().unary({}, recorded.callback));
      recorded.note(call.getPeer());
      await recorded.over();
      recorded.note(call.getPeer());
      return [recorded.soFar, stage.raw.target];
    },
    shows: [expect.arrayContaining([[expect.stringMatching(/^127\.0\.0\.1:\d+$/)]]), expect.anything()],
  },
];
