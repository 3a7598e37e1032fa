import { Metadata } from '@grpc/grpc-js';
import { startEchoServer, type EchoServer } from '@grpc-manifold/testing';
import { explain } from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLIENTS, QueuedClient } from './queued-client.js';

const LIMIT = 10;
const ANSWERS = 1_000;

let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer({ delayMs: 2 });
});

afterAll(() => server[Symbol.asyncDispose]());

function open(which: (typeof CLIENTS)[number]): QueuedClient {
  return new QueuedClient(server.target, which, {
    limit: LIMIT,
    maxQueuedCalls: 100,
    maxQueueTimeMs: Infinity,
    partition: ({ metadata }) => String(metadata.get('tenant')[0]),
    shares: { gold: 0.8, rest: 0.2 },
  });
}

/** Keeps so many calls of a tenant under way, until `ANSWERS` of all are answered. */
class Tenants {
  readonly answered = new Map<string, number>();
  readonly refusedBy = new Map<string, Set<string>>();
  readonly #done: Promise<void>;
  #all = 0;
  #finish!: () => void;

  constructor(private readonly client: QueuedClient['client']) {
    this.#done = new Promise((resolve) => (this.#finish = resolve));
  }

  load(tenant: string, calls: number): this {
    const metadata = new Metadata();
    metadata.set('tenant', tenant);
    const call = (): void => {
      this.client.unary({}, metadata, (error) => {
        if (error === null) this.#count(tenant);
        else this.#refused(tenant, explain(error)?.refusedBy ?? error.message);
        if (this.#all < ANSWERS) call();
        else this.#finish();
      });
    };
    for (let begun = 0; begun < calls; begun += 1) call();
    return this;
  }

  async shareOf(tenant: string): Promise<number> {
    await this.#done;
    return (this.answered.get(tenant) ?? 0) / this.#all;
  }

  #count(tenant: string): void {
    this.#all += 1;
    this.answered.set(tenant, (this.answered.get(tenant) ?? 0) + 1);
  }

  #refused(tenant: string, refusedBy: string): void {
    const seen = this.refusedBy.get(tenant) ?? new Set();
    this.refusedBy.set(tenant, seen.add(refusedBy));
  }
}

describe.each(CLIENTS)('two tenants with shares of 0.8 and 0.2: %s client', (which) => {
  it.each([
    ['gold', 'rest', 0.8],
    ['rest', 'gold', 0.2],
  ])('leave %s its share, within a tenth of it, while %s floods', async (modest, flooding, share) => {
    await using stage = open(which);
    // Enough to want its share all the time, few enough to fit into its share of the waiting room.
    const tenants = new Tenants(stage.client).load(flooding, 300).load(modest, 16);
    const got = await tenants.shareOf(modest);
    expect(got).toBeGreaterThan(share * 0.9);
    expect(got).toBeLessThan(share * 1.1 + 0.01);
    expect(tenants.refusedBy.has(modest)).toBe(false);
    expect([...(tenants.refusedBy.get(flooding) ?? [])]).toEqual(expect.arrayContaining(['share']));
  });

  it.each(['gold', 'rest'])('let %s have everything when it is alone', async (tenant) => {
    await using stage = open(which);
    let most = 0;
    const tenants = new Tenants(stage.client).load(tenant, 50);
    most = Math.max(most, stage.queue.stats().inFlightCalls);
    expect(await tenants.shareOf(tenant)).toBe(1);
    expect(most).toBe(LIMIT);
    expect(tenants.refusedBy.size).toBe(0);
  });
});
