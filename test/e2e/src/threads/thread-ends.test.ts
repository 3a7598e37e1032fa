import { credentials, status, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import { explain } from '@grpc-manifold/core';
import { threadChannelFactory } from '@grpc-manifold/thread-channel';
import { loadEchoPackage, startEchoServer, type EchoRequest, type EchoResponse } from '@grpc-manifold/testing';
import { createPooledClient } from 'grpc-manifold';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ToldWorkers } from './told-workers.js';

const MEMBERS = 4;
const CALLERS = 16;
/** Calls that must go well between two endings of a thread. */
const CALLS = 200;

/** What would have ended the process. */
const fatal: unknown[] = [];
const onFatal = (error: unknown): void => void fatal.push(error);
const warnings: Error[] = [];
const onWarning = (warning: Error): void => void warnings.push(warning);

beforeEach(() => {
  process.on('uncaughtException', onFatal);
  process.on('unhandledRejection', onFatal);
  process.on('warning', onWarning);
});
afterEach(() => {
  process.removeListener('uncaughtException', onFatal);
  process.removeListener('unhandledRejection', onFatal);
  process.removeListener('warning', onWarning);
  expect(fatal.splice(0)).toEqual([]);
});

/** A stream that stays open, and the statuses that it has had. */
class OpenStream {
  readonly statuses: status[] = [];
  readonly ended: Promise<void>;
  /** Resolves with each answer. */
  #answered: (() => void) | undefined;

  constructor(readonly call: ClientDuplexStream<EchoRequest, EchoResponse>) {
    call.on('error', () => undefined);
    call.on('data', () => this.#answered?.());
    this.ended = new Promise((resolve) => {
      call.on('status', ({ code }: { code: status }) => {
        this.statuses.push(code);
        resolve();
      });
    });
  }

  async round(): Promise<void> {
    const answered = new Promise<void>((resolve) => (this.#answered = resolve));
    this.call.write({});
    await Promise.race([answered, this.ended.then(() => Promise.reject(new Error('it has ended')))]);
  }
}

describe.each(['throws', 'rejects', 'exits', 'runs out of memory'] as const)('a thread that %s under load', (how) => {
  it('fails its calls, once each and with UNAVAILABLE, no others, and is replaced', { timeout: 60_000 }, async () => {
    warnings.length = 0;
    await using server = await startEchoServer();
    using workers = new ToldWorkers();
    await using factory = threadChannelFactory({
      threads: 2,
      workerUrl: ToldWorkers.workerUrl,
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    });
    await using client = createPooledClient(loadEchoPackage().EchoClient, server.target, credentials.createInsecure(), {
      minChannels: MEMBERS,
      maxChannels: MEMBERS,
      channelFactory: factory,
      onDispose: 'cancel',
    });
    await client.pool.warmUp({ channels: MEMBERS });
    await workers.started(2);
    const streams = Array.from({ length: MEMBERS }, () => new OpenStream(client.bidi()));
    await Promise.all(streams.map((stream) => stream.round()));

    const lost = new Set<number>();
    let lostAtMs = 0;
    client.pool.onChannelStateChange(({ id, to, fault }) => {
      // One that is busy with its memory is ejected before it ends.
      if (to !== 'draining' || fault === undefined) return;
      lost.add(id);
      lostAtMs = performance.now();
    });
    const failures: ServiceError[] = [];
    let calls = 0;
    let callbacks = 0;
    let isOver = false;
    const callers = Array.from({ length: CALLERS }, async () => {
      while (!isOver) {
        calls += 1;
        await new Promise<void>((resolve) => {
          client.unary({ delayMs: 2 }, (error) => {
            callbacks += 1;
            if (error !== null) failures.push(error);
            resolve();
          });
        });
      }
    });
    while (callbacks < CALLS) await new Promise((resolve) => setImmediate(resolve));
    const [thread] = workers.threads as [number];
    workers.tell({ thread, how });
    // Another takes its place, and the pool is whole again.
    await workers.started(3);
    await client.pool.warmUp({ channels: MEMBERS });
    const recoveredMs = performance.now() - lostAtMs;
    const before = callbacks;
    while (callbacks < before + CALLS) await new Promise((resolve) => setImmediate(resolve));
    isOver = true;
    await Promise.all(callers);

    if (process.env['MANIFOLD_SHOW'] !== undefined) {
      console.log(
        `${how}: ${failures.length} of ${calls} calls failed, whole again after ${recoveredMs.toFixed(0)} ms`,
      );
    }
    expect(callbacks).toBe(calls);
    expect(lost.size).toBe(MEMBERS / 2);
    expect(failures.length).toBeGreaterThan(0);
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: status.UNAVAILABLE });
      expect(failure.details).toMatch(/thread of the connection ended/);
      expect(lost).toContain(explain(failure)?.channelId);
    }
    const ended = streams.filter(({ statuses }) => statuses.length > 0);
    expect(ended).toHaveLength(MEMBERS / 2);
    for (const { statuses } of ended) expect(statuses).toEqual([status.UNAVAILABLE]);
    await Promise.all(streams.filter((stream) => !ended.includes(stream)).map((stream) => stream.round()));
    const told = warnings.filter(({ name }) => name === 'GrpcManifoldWarning').map(({ message }) => message);
    expect(told).toEqual([expect.stringContaining('thread-channel: The thread of the connection ended')]);
    if (how === 'throws' || how === 'rejects') {
      expect(told[0]).toContain(how === 'throws' ? 'told to throw' : 'told to reject');
    }
  });
});
