import { credentials, InterceptingCall, type Interceptor, Metadata } from '@grpc/grpc-js';
import { loadEchoPackage, startEchoServer, type EchoClient as Echo, type EchoServer } from '@grpc-manifold/testing';
import { boundedQueue, explain, gradientLimit, type BoundedQueueInterceptor } from 'grpc-manifold';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { examplesOf, regionsOf } from './guide-example.js';

const { EchoClient } = loadEchoPackage();
const payload = Buffer.from('hello');
const clients: Echo[] = [];
let server: EchoServer;
let target: string;

beforeAll(async () => {
  server = await startEchoServer();
  target = server.target;
});

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(() => server[Symbol.asyncDispose]());

function clientWith(...interceptors: Interceptor[]): Echo {
  const client = new EchoClient(target, credentials.createInsecure(), { interceptors });
  clients.push(client);
  return client;
}

function ask(client: Echo, metadata = new Metadata()): Promise<void> {
  return new Promise((resolve, reject) => {
    client.unary({ payload }, metadata, (error) => (error === null ? resolve() : reject(error)));
  });
}

async function answersThrough(queue: BoundedQueueInterceptor): Promise<void> {
  const client = clientWith(queue);
  await Promise.all(Array.from({ length: 200 }, () => ask(client)));
  expect(queue.stats()).toMatchObject({ inFlightCalls: 0, queuedCalls: 0, shedCalls: 0 });
}

describe('the guide to overload', () => {
  it('shows what is run here', () => {
    expect(examplesOf('overload.md')).toEqual(regionsOf('./overload.test.ts'));
  });

  it('makes a client with a limit, and reads it', async () => {
    // #region
    const queue = boundedQueue({ limit: gradientLimit() });
    const client = new EchoClient(target, credentials.createInsecure(), { interceptors: [queue] });
    // #endregion
    clients.push(client);
    await ask(client);
    await answersThrough(queue);
  });

  it('counts streams apart', async () => {
    // #region
    const queue = boundedQueue({ limit: gradientLimit(), streamLimit: 20 });
    // #endregion
    await answersThrough(queue);
    // #region
    const { limit, inFlightCalls, queuedCalls, oldestWaitMs, shedCalls } = queue.stats();
    // #endregion
    expect(limit).toBeGreaterThan(0);
    expect([inFlightCalls, queuedCalls, oldestWaitMs, shedCalls]).toEqual([0, 0, 0, 0]);
    // #region
    queue.update({ limit: 50, maxQueuedCalls: 200 });
    // #endregion
    expect(queue.stats().limit).toBe(50);
  });

  it('gives way by priority', async () => {
    // #region
    const queue = boundedQueue({
      order: 'priority',
      priority: (call) => (call.method.endsWith('/Unary') ? 1 : 0),
    });
    // #endregion
    await answersThrough(queue);
  });

  it('keeps shares', async () => {
    // #region
    const queue = boundedQueue({
      limit: gradientLimit(),
      partition: (call) => String(call.metadata.get('tenant')[0] ?? ''),
      shares: { checkout: 0.7, search: 0.2 }, // whoever is not named shares the 0.1 that is left
    });
    // #endregion
    await answersThrough(queue);
  });

  it('tells what was refused', async () => {
    const told: string[] = [];
    const count = (what: string): unknown => told.push(what);
    const queue = boundedQueue({ limit: 1, maxQueuedCalls: 0 });
    const client = clientWith(queue);
    let fallBack!: (why: string) => void;
    const fell = new Promise<string>((resolve) => (fallBack = resolve));
    // The only slot is taken.
    const first = ask(client);
    // #region
    client.unary({ payload }, { deadline: Date.now() + 250 }, (error) => {
      const { refusedBy, queueWaitMs } = explain(error) ?? {};
      if (refusedBy !== undefined) fallBack(`${refusedBy} after ${queueWaitMs} ms`);
    });
    queue.onShed(({ call, explanation }) => count(`${call.method} ${explanation.refusedBy}`));
    // #endregion
    expect(await fell).toBe('queue-full after 0 ms');
    await expect(ask(client)).rejects.toThrow('queue-full');
    await first;
    expect(told).toEqual([expect.stringMatching(/Unary queue-full$/)]);
  });

  it('stands between other interceptors', async () => {
    const notes: string[] = [];
    const noting =
      (name: string): Interceptor =>
      (options, nextCall) => {
        notes.push(name);
        return new InterceptingCall(nextCall(options));
      };
    const [trace, authorize] = [noting('trace'), noting('authorize')];
    const queue = boundedQueue({ limit: 1 });
    // #region
    const client = new EchoClient(target, credentials.createInsecure(), { interceptors: [trace, queue, authorize] });
    // #endregion
    clients.push(client);
    const answered = [ask(client), ask(client)];
    expect(notes).toEqual(['trace', 'authorize', 'trace']);
    await Promise.all(answered);
    expect(notes).toEqual(['trace', 'authorize', 'trace', 'authorize']);
  });
});
