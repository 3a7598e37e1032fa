import { credentials, type ClientOptions } from '@grpc/grpc-js';
import { leakCheck, loadEchoPackage, startEchoServer, type EchoClient as Echo } from '@grpc-manifold/testing';
import { keepalive, pooledChannelFactory, type ChannelPool, type ConnectionPolicy } from 'grpc-manifold';
import { describe, expect, it } from 'vitest';

const { EchoClient } = loadEchoPackage();

/** Clients of libraries, with the keepalive that each sets beside what a user gives it. */
const LIBRARIES: Readonly<Record<string, ClientOptions>> = {
  'one that pings a server for workflows': {
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 15_000,
    'grpc.keepalive_permit_without_calls': 1,
  },
  'one that pings a database for vectors': {
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 5_000,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.enable_retries': 1,
  },
  'a framework with options of its own': {
    'grpc.keepalive_time_ms': 120_000,
    'grpc.http2.min_time_between_pings_ms': 120_000,
  },
};

/** Tells which interval the pool was told. */
class IntervalWatch implements ConnectionPolicy {
  readonly name = 'intervalWatch';
  #tell!: (timeMs: number) => void;
  readonly told = new Promise<number>((resolve) => (this.#tell = resolve));

  review({ keepaliveTimeMs }: Parameters<NonNullable<ConnectionPolicy['review']>>[0]): {
    actions: [];
    nextReviewMs: number;
  } {
    if (keepaliveTimeMs !== undefined) this.#tell(keepaliveTimeMs);
    return { actions: [], nextReviewMs: 10 };
  }
}

function unary(client: Echo): Promise<void> {
  return new Promise((resolve, reject) => {
    client.unary({ payload: Buffer.from('hello') }, (error) => (error === null ? resolve() : reject(error)));
  });
}

describe('keepalive() by pooledChannelFactory', () => {
  it.each(Object.entries(LIBRARIES))('works under %s, at the larger interval', async (_which, library) => {
    const check = leakCheck();
    {
      await using server = await startEchoServer();
      const watch = new IntervalWatch();
      const channelFactoryOverride = pooledChannelFactory({ policies: [keepalive({ timeMs: 20_000 }), watch] });
      const client = new EchoClient(server.target, credentials.createInsecure(), {
        ...library,
        channelFactoryOverride,
      });
      await unary(client);
      const expected = Math.max(20_000, library['grpc.keepalive_time_ms'] as number);
      expect(await watch.told).toBe(expected);
      const pool = client.getChannel() as unknown as ChannelPool;
      expect(pool.stats().keepaliveTimeMs).toBe(expected);
      await pool.destroy();
    }
    await check.expectNothingLeft();
  });
});
