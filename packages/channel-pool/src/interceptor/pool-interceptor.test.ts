import { Client, credentials, InterceptingCall, type ChannelInterface, type Interceptor } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { ChannelPool } from '../channel-pool.js';
import { poolInterceptor } from './pool-interceptor.js';

const INSECURE = credentials.createInsecure();
const pools: ChannelPool[] = [];

function poolOf(): ChannelPool {
  const pool = new ChannelPool('ipv4:127.0.0.1:1', INSECURE);
  pools.push(pool);
  return pool;
}

/** Calls of the own channels of clients that nobody has cancelled. */
let ownCalls = 0;

/** A client whose own channel must not be given a call: one that is cancelled before it is started is none. */
function clientWith(interceptors: Interceptor[]): Client {
  const untouched = {
    createCall: () => {
      ownCalls += 1;
      return {
        start: () => {
          throw new Error('the own channel of the client was used');
        },
        cancelWithStatus: () => (ownCalls -= 1),
      };
    },
  } as unknown as ChannelInterface;
  return new Client('x', INSECURE, { channelOverride: untouched, interceptors });
}

const pass = (bytes: Buffer): Buffer => bytes;
const call = (client: Client): Promise<Error | null> =>
  new Promise((resolve) => client.makeUnaryRequest('/x/Y', pass, pass, Buffer.from('a'), resolve));

const other: Interceptor = (options, nextCall) => new InterceptingCall(nextCall(options));

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.destroy()));
  expect(ownCalls).toBe(0);
});

describe('poolInterceptor', () => {
  it('sends calls to the pool, and none to the channel of the client', async () => {
    const pool = poolOf();
    const client = clientWith([other, poolInterceptor(pool)]);
    await pool.destroy();
    expect(await call(client)).toMatchObject({ code: 14, details: expect.stringContaining('the pool is closed') });
    expect(pool.stats()).toMatchObject({ startedCalls: 1, shedCalls: 1 });
  });

  it("makes one of grpc-js's own intercepting calls", async () => {
    let made: unknown;
    const looking: Interceptor = (options, nextCall) => {
      made = nextCall(options);
      throw new Error('seen');
    };
    await expect(call(clientWith([looking, poolInterceptor(poolOf())]))).rejects.toThrow('seen');
    expect(made).toBeInstanceOf(InterceptingCall);
  });

  it.each([
    ['before another', (pooled: Interceptor) => [pooled, other]],
    ['between others', (pooled: Interceptor) => [other, pooled, other]],
    ['before itself', (pooled: Interceptor) => [pooled, pooled]],
  ])('says so when it is put %s', async (_where, list) => {
    const pool = poolOf();
    const client = clientWith(list(poolInterceptor(pool)));
    const told = expect.objectContaining({
      name: 'InterceptorConfigurationError',
      message: expect.stringMatching(/poolInterceptor: it must be the last .* \/x\/Y would never reach/),
    });
    await expect(call(client)).rejects.toEqual(told);
    expect(pool.stats().startedCalls).toBe(0);
  });

  it('says so when an interceptor before it drops what it needs', async () => {
    const forgetful: Interceptor = (_options, nextCall) => new InterceptingCall(nextCall({} as never));
    const client = clientWith([forgetful, poolInterceptor(poolOf())]);
    await expect(call(client)).rejects.toThrow('dropped method_definition');
  });

  it('ends only the calls of its own share, where it is given one', async () => {
    const pool = poolOf();
    const share = pool.share();
    share.close();
    expect(await call(clientWith([poolInterceptor(share)]))).toMatchObject({
      code: 14,
      details: expect.stringContaining('the client is closed'),
    });
    expect(pool.stats().state).toBe('IDLE');
  });

  it.each([[undefined], ['127.0.0.1:1'], [{}]])('refuses %o for a pool', (pool) => {
    expect(() => poolInterceptor(pool as never)).toThrow(/^poolInterceptor: pool must be a ChannelPool/);
  });
});
