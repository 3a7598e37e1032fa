import { credentials, Metadata, status } from '@grpc/grpc-js';
import {
  type EchoResponse,
  type EchoServer,
  eventually,
  loadEchoPackage,
  startEchoServer,
} from '@grpc-manifold/testing';
import { boundedQueue, explain, gradientLimit, type QueueStats, type ShedReport } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examplesOf, regionsOf } from '../guides/guide-example.js';
import { CLIENTS, QueuedClient } from './queued-client.js';

const { EchoClient } = loadEchoPackage();
const payload = Buffer.from('hello');
let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer();
});

afterAll(() => server[Symbol.asyncDispose]());

describe('the first example of the README', () => {
  it('is what is run here', () => {
    expect(examplesOf('../../packages/bounded-queue/README.md').slice(0, 1)).toEqual(
      regionsOf('../overload/controls.test.ts'),
    );
  });

  it('makes a client that finds its limit', async () => {
    const { target } = server;
    const shed: string[] = [];
    const report = (stats: QueueStats): void => expect(stats).toMatchObject({ inFlightCalls: 1, queuedCalls: 0 });
    let answer!: (error: unknown, response: EchoResponse | undefined, refusedBy: string | undefined) => void;
    const answered = new Promise<unknown[]>((resolve) => (answer = (...all) => resolve(all)));
    // #region
    const queue = boundedQueue({ limit: gradientLimit(), maxQueuedCalls: 200, order: 'lifo' });
    queue.onShed(({ call, explanation }) => shed.push(`${call.method}: ${explanation.refusedBy}`));
    const client = new EchoClient(target, credentials.createInsecure(), { interceptors: [queue] });
    client.unary({ payload }, { deadline: Date.now() + 30_000 }, (error, response) => {
      const refusedBy = explain(error)?.refusedBy; // 'queue-full', 'early-drop', …: it was never sent
      answer(error, response, refusedBy);
    });
    report(queue.stats()); // { limit, inFlightCalls, queuedCalls, queuedBytes, shedCalls, … }
    // #endregion
    expect(await answered).toMatchObject([null, { payload }, undefined]);
    expect(shed).toEqual([]);
    client.close();
    queue[Symbol.dispose]();
  });
});

describe.each(CLIENTS)('a bounded queue on a %s client', (which) => {
  it('lets no more reach the server than its limit, whatever is asked of it', async () => {
    await using stage = new QueuedClient(server.target, which, { limit: 7 });
    const { peakOpenCalls: before } = await server.stats();
    const calls = Array.from({ length: 100 }, () => stage.begin('unary', { request: { delayMs: 1 } }));
    expect(stage.queue.stats()).toMatchObject({ limit: 7, inFlightCalls: 7, queuedCalls: 93 });
    for (const call of calls) expect((await call.outcome).code).toBe(status.OK);
    expect((await server.stats()).peakOpenCalls).toBeLessThanOrEqual(Math.max(before, 7));
    for (const call of calls) call.expectOneOutcome();
  });

  it('lets waiting calls in when its limit is raised', async () => {
    await using stage = new QueuedClient(server.target, which, { limit: 1 });
    const { openCalls } = await server.stats();
    stage.fill(5);
    await server.waitFor((now) => now.openCalls === openCalls + 1);
    stage.queue.update({ limit: 4 });
    expect(stage.queue.stats()).toMatchObject({ limit: 4, inFlightCalls: 4, queuedCalls: 1 });
    await server.waitFor((now) => now.openCalls === openCalls + 4);
    stage.queue.update({ limit: 1 });
    await stage.release();
  });

  it('tells of each call that it refuses', async () => {
    await using stage = new QueuedClient(server.target, which, { limit: 1, maxQueuedCalls: 1 });
    const reports: ShedReport[] = [];
    stage.queue.onShed((report) => reports.push(report));
    stage.fill(2);
    const shed = stage.begin('bidi');
    await shed.outcome;
    expect(reports).toMatchObject([{ call: { kind: 'bidi' } }]);
    expect(explain(shed.error)).toEqual({ ...reports[0]?.explanation, from: 'object' });
    expect(stage.queue.stats().shedCalls).toBe(1);
  });

  it('serves the most urgent first', async () => {
    await using stage = new QueuedClient(server.target, which, {
      limit: 1,
      order: 'priority',
      priority: ({ metadata }) => Number(metadata.get('urgency')[0]),
    });
    stage.fill();
    const order: number[] = [];
    const calls = [3, 1, 2].map((urgency) => {
      const metadata = new Metadata();
      metadata.set('urgency', String(urgency));
      return stage.begin('unary', { metadata, onOutcome: () => order.push(urgency) });
    });
    await stage.release();
    await Promise.all(calls.map((call) => call.outcome));
    expect(order).toEqual([3, 2, 1]);
  });

  it('drops early what would be late', async () => {
    await using stage = new QueuedClient(server.target, which, { limit: 1 });
    const calls = Array.from({ length: 40 }, () => stage.begin('unary', { request: { delayMs: 5 } }));
    await Promise.all(calls.slice(0, 30).map((call) => call.outcome));
    for (let more = 0; more < 200; more += 1) calls.push(stage.begin('unary', { request: { delayMs: 5 } }));
    // Some 200 calls of 5 ms and more are before it.
    const late = stage.begin('unary', { options: { deadline: Date.now() + 300 } });
    expect(await late.outcome).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    expect(explain(late.error)?.refusedBy).toBe('early-drop');
    stage.queue[Symbol.dispose]();
    await Promise.all(calls.map((call) => call.outcome));
  });

  it('does not let subscriptions starve unary calls, where streams are counted apart', async () => {
    await using stage = new QueuedClient(server.target, which, { limit: 2, streamLimit: 3 });
    stage.fill(5, 'server-stream');
    expect(stage.queue.stats()).toMatchObject({ inFlightCalls: 0, inFlightStreams: 3, queuedCalls: 2 });
    expect((await stage.begin('unary').outcome).code).toBe(status.OK);
  });

  it('refuses what waits and what comes when it is disposed, and lets the rest finish', async () => {
    await using stage = new QueuedClient(server.target, which, { limit: 1 });
    const running = stage.begin('unary', { request: { delayMs: 30 } });
    const waiting = stage.begin('unary');
    stage.queue[Symbol.dispose]();
    const late = stage.begin('unary');
    for (const call of [waiting, late]) {
      expect((await call.outcome).code).toBe(status.UNAVAILABLE);
      expect(explain(call.error)?.refusedBy).toBe('closed');
    }
    expect((await running.outcome).code).toBe(status.OK);
    await eventually(() => expect(stage.queue.stats().inFlightCalls).toBe(0));
  });
});
