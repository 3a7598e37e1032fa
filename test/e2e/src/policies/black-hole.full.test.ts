import { setTimeout as delay } from 'node:timers/promises';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import { loadEchoPackage, startEchoServer, startFaultProxy, type EchoClient } from '@grpc-manifold/testing';
import { createPooledClient, explain, keepalive, type PooledClientOptions } from 'grpc-manifold';
import { describe, expect, it } from 'vitest';

const { EchoClient: Client } = loadEchoPackage();

/** The time of a PING and of its answer, and half a second. */
const WINDOW_MS = 12_500;
/** For calls that could still fail, which none may. */
const AFTER_MS = 1_500;
const BETWEEN_CALLS_MS = 5;
/**
 * Calls at one time that are not lost: four times as many as there are where nothing is late. Without a bound those that a busy machine owes
 * would come all at once, and the black hole has its part of what comes at once.
 */
const MOST_AT_ONCE = 16;
/** One that takes longer is in the black hole. */
const LOST_AFTER_MS = 1_000;
const FAILED_RATIO = 0.02;

interface Failure {
  /** From the fault. */
  readonly afterMs: number;
  readonly error: ServiceError;
}

/** Makes calls at a steady rate, whatever becomes of those that are lost. */
class OpenLoad {
  readonly failures: Failure[] = [];
  readonly #startMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  /** Those that have not ended, and when each began. */
  readonly #open = new Map<Promise<void>, number>();
  calls = 0;

  constructor(client: EchoClient, deadlineMs: number) {
    this.#timer = setInterval(() => {
      // As many as are due: a machine that is busy does not make the share of failures look larger.
      while (this.#isDue() && this.#atOnce() < MOST_AT_ONCE) this.#call(client, deadlineMs);
    }, BETWEEN_CALLS_MS);
  }

  #isDue(): boolean {
    return this.calls * BETWEEN_CALLS_MS < performance.now() - this.#startMs;
  }

  #atOnce(): number {
    const sinceMs = performance.now() - LOST_AFTER_MS;
    return [...this.#open.values()].filter((begunMs) => begunMs > sinceMs).length;
  }

  #call(client: EchoClient, deadlineMs: number): void {
    this.calls += 1;
    const ended = new Promise<void>((resolve) => {
      client.unary({ delayMs: 20 }, { deadline: Date.now() + deadlineMs }, (error) => {
        if (error !== null) this.failures.push({ afterMs: performance.now() - this.#startMs, error });
        resolve();
      });
    });
    this.#open.set(ended, performance.now());
    void ended.then(() => this.#open.delete(ended));
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open.keys());
  }
}

/** Black-holes one of four connections under load, and returns what the calls of the window came to. */
async function strike(options: PooledClientOptions, deadlineMs: number) {
  await using server = await startEchoServer();
  await using proxy = await startFaultProxy(server);
  await using client = createPooledClient(Client, proxy.target, credentials.createInsecure(), {
    minChannels: 4,
    maxChannels: 4,
    onDispose: 'cancel',
    ...options,
  });
  await client.pool.warmUp();
  const before = client.pool.stats().channels.map(({ id }) => id);
  const warmUp = new OpenLoad(client, deadlineMs);
  await delay(500);
  await warmUp.stop();
  expect(warmUp.failures).toEqual([]);
  const changes: { id: number; tag: string }[] = [];
  using _changes = client.pool.onChannelStateChange(({ id, fault }) => {
    if (fault !== undefined) changes.push({ id, tag: fault.tag });
  });
  proxy.connections[1]?.blackHole();
  const load = new OpenLoad(client, deadlineMs);
  await delay(WINDOW_MS);
  const callsInWindow = load.calls;
  await delay(AFTER_MS);
  await load.stop();
  return { failures: load.failures, callsInWindow, changes, before };
}

function tell(how: string, failures: readonly Failure[], calls: number): void {
  const lastMs = Math.max(0, ...failures.map(({ afterMs }) => afterMs));
  console.info(`${how}: ${failures.length} of ${calls} calls failed, the last ${lastMs.toFixed(0)} ms after the fault`);
}

describe.concurrent('one of four connections becomes a black hole under load', () => {
  it('with keepalive no call fails later than 12.5 s after it, and fewer than 2 % of all do', async ({ expect }) => {
    const { failures, callsInWindow, changes, before } = await strike(
      { policies: [keepalive({ timeMs: 10_000, timeoutMs: 2_000 })], ejectOutliers: false },
      60_000,
    );
    tell('with keepalive', failures, callsInWindow);
    expect(failures.length).toBeGreaterThan(0);
    expect(failures.length).toBeLessThan(FAILED_RATIO * callsInWindow);
    for (const { afterMs, error } of failures) {
      expect(afterMs).toBeLessThanOrEqual(WINDOW_MS);
      expect(explain(error)?.fault?.tag).toBe('keepalive-timeout');
    }
    // One connection, and no other.
    expect(changes).toEqual([{ id: changes[0]?.id, tag: 'keepalive-timeout' }]);
    expect(before).toContain(changes[0]?.id);
  }, 60_000);

  it('without keepalive it is bounded as well, for calls that have deadlines', async ({ expect }) => {
    const { failures, callsInWindow } = await strike({ policies: [] }, 1_000);
    tell('without', failures, callsInWindow);
    expect(failures.length).toBeLessThan(FAILED_RATIO * callsInWindow);
    for (const { afterMs } of failures) expect(afterMs).toBeLessThanOrEqual(WINDOW_MS);
  }, 60_000);
});
