import { AsyncLocalStorage } from 'node:async_hooks';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { credentials, Metadata, status, type Client, type ServiceError } from '@grpc/grpc-js';
import {
  loadEchoPackage,
  selfSignedCertificate,
  startEchoServer,
  type EchoClient as Echo,
  type EchoResponse,
  type EchoServer,
} from '@grpc-manifold/testing';
import { createPooledClient, explain, threadChannelFactory, tlsCredentials } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ToldWorkers } from '../threads/told-workers.js';
import { examplesOf, regionsOf } from './guide-example.js';

const { EchoClient } = loadEchoPackage();
const payload = Buffer.from('hello');
const tenant = new AsyncLocalStorage<string>();

let plainServer: EchoServer;
let tlsServer: EchoServer;
let rootCerts: Buffer;

beforeAll(async () => {
  const certificate = await selfSignedCertificate();
  rootCerts = Buffer.from(certificate.cert);
  [plainServer, tlsServer] = await Promise.all([startEchoServer(), startEchoServer({ tls: certificate })]);
});

afterAll(async () => {
  await plainServer[Symbol.asyncDispose]();
  await tlsServer[Symbol.asyncDispose]();
});

/** The server by the name that its certificate has. */
const byName = ({ target }: EchoServer): string => target.replace('127.0.0.1', 'localhost');

/** Makes a call for a tenant, and tells how it ended and in whose context. */
function ask(
  client: Echo,
  request = {},
): Promise<{ error: ServiceError | null; response?: EchoResponse; for?: string }> {
  return new Promise((resolve) => {
    tenant.run('blue', () => {
      client.unary({ payload, ...request }, (error, response) => {
        const store = tenant.getStore();
        resolve({ error, ...(response && { response }), ...(store !== undefined && { for: store }) });
      });
    });
  });
}

async function expectAnswers(...clients: (Echo & Client)[]): Promise<void> {
  for (const client of clients) {
    expect(await ask(client)).toMatchObject({ error: null, response: { payload }, for: 'blue' });
  }
}

describe('the README and the guide to threads', () => {
  it('show what is run here', () => {
    const shown = [...examplesOf('../../packages/thread-channel/README.md'), ...examplesOf('threads.md')];
    expect(shown).toEqual(regionsOf('./threads.test.ts'));
  });

  it('put several pools into the same threads, with TLS', async () => {
    const target = byName(tlsServer);
    let answer!: (what: unknown) => void;
    const answered = new Promise((resolve) => (answer = resolve));
    // #region
    await using threads = threadChannelFactory({ threads: 2 });
    const options = { channelFactory: threads, minChannels: 2 };
    const secure = tlsCredentials({ rootCerts }); // credentials.createSsl cannot cross to a thread
    await using orders = createPooledClient(EchoClient, target, secure, options);
    await using stock = createPooledClient(EchoClient, target, secure, options); // in the same two threads
    orders.unary({ payload }, (error, response) => answer(error ?? response));
    // #endregion
    expect(await answered).toMatchObject({ payload });
    await expectAnswers(orders, stock);
  });

  it('put a pool into a thread', async () => {
    const { target } = plainServer;
    // #region
    await using client = createPooledClient(EchoClient, target, credentials.createInsecure(), { threads: 1 });
    // #endregion
    await expectAnswers(client);
    expect(client.pool.stats()).toMatchObject({ succeededCalls: 1, channels: [{ state: 'ready', peer: target }] });
  });

  it('share threads', async () => {
    const { target } = plainServer;
    // #region
    await using threads = threadChannelFactory({ threads: 2 });
    const options = { channelFactory: threads, minChannels: 2 };
    await using orders = createPooledClient(EchoClient, target, credentials.createInsecure(), options);
    await using stock = createPooledClient(EchoClient, target, credentials.createInsecure(), options);
    // #endregion
    await expectAnswers(orders, stock);
  });

  it('have call credentials of the calling thread', async () => {
    const target = byName(tlsServer);
    let tokens = 0;
    const currentToken = (): string => `token ${(tokens += 1)}`;
    // #region
    const token = credentials.createFromMetadataGenerator((_call, callback) => {
      const metadata = new Metadata();
      metadata.set('authorization', `Bearer ${currentToken()}`);
      callback(null, metadata);
    });
    const secure = credentials.combineChannelCredentials(tlsCredentials({ rootCerts }), token);
    await using client = createPooledClient(EchoClient, target, secure, { threads: 1 });
    // #endregion
    for (const authorization of ['Bearer token 1', 'Bearer token 2']) {
      const { response } = await ask(client, { echoMetadata: ['authorization'] });
      expect(response?.metadata).toEqual({ authorization });
    }
  });

  it('tell of a thread that ends, and go on in another', async () => {
    using workers = new ToldWorkers();
    await using threads = threadChannelFactory({ workerUrl: ToldWorkers.workerUrl });
    await using client = createPooledClient(EchoClient, plainServer.target, credentials.createInsecure(), {
      channelFactory: threads,
    });
    await expectAnswers(client);
    const lost = ask(client, { hang: true });
    const listeners = process.listeners('warning');
    const told: string[] = [];
    let warned!: () => void;
    const warning = new Promise<void>((resolve) => (warned = resolve));
    const report = (what: string): void => {
      told.push(what);
      if (what.startsWith('thread-channel: ')) warned();
    };
    await plainServer.waitFor(({ openCalls }) => openCalls === 1);
    // #region
    process.on('warning', ({ name, message }) => {
      if (name === 'GrpcManifoldWarning') report(message); // thread-channel: The thread of the connection ended by an error: …
    });
    client.unary({ payload }, (error) => {
      const { fault } = explain(error) ?? {};
      if (fault !== undefined) report(`${fault.tag}: ${fault.detail}`);
    });
    // #endregion
    workers.tell({ thread: workers.threads[0] as number, how: 'throws' });
    await warning;
    for (const listener of process.listeners('warning')) {
      if (!listeners.includes(listener)) process.removeListener('warning', listener);
    }
    const { error } = await lost;
    expect(error?.code).toBe(status.UNAVAILABLE);
    expect(explain(error)?.fault).toMatchObject({ tag: 'reset', detail: expect.stringContaining('told to throw') });
    await expectAnswers(client);
    await workers.started(2);
    // The call of the guide was answered before, or is lost with the thread.
    for (const what of told) {
      expect(what).toMatch(
        /^(thread-channel|reset: connection lost): The thread of the connection ended by an error: told to throw/,
      );
    }
  });

  it('serve a plain client', async () => {
    const { target } = plainServer;
    // #region
    await using threads = threadChannelFactory();
    const plain = new EchoClient(target, credentials.createInsecure(), {
      channelFactoryOverride: threads,
    });
    // #endregion
    const answer = { error: null, response: expect.objectContaining({ payload }) as unknown, for: 'blue' };
    expect(await ask(plain)).toEqual(answer);
    plain.close();
  });

  it('show how busy and how late the calling loop is', () => {
    const told: string[] = [];
    const report = (what: string): unknown => told.push(what);
    // #region
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const before = performance.eventLoopUtilization();
    const look = (): void => {
      const { utilization } = performance.eventLoopUtilization(before);
      report(`busy ${(utilization * 100).toFixed(0)} %, late ${(delay.percentile(99) / 1e6 - 10).toFixed(1)} ms`);
    };
    // #endregion
    look();
    delay.disable();
    expect(told).toEqual([expect.stringMatching(/^busy \d+ %, late -?\d+\.\d ms$/)]);
  });
});
