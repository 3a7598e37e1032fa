import {
  credentials,
  InterceptingCall,
  type ChannelCredentials,
  type ClientOptions,
  type Interceptor,
} from '@grpc/grpc-js';
import {
  loadEchoPackage,
  startEchoServer,
  type EchoCallback,
  type EchoClient as Echo,
  type EchoRequest,
  type EchoResponse,
  type EchoServer,
} from '@grpc-manifold/testing';
import {
  ChannelPool,
  ChannelPoolRegistry,
  createPooledClient,
  pooledChannelFactory,
  poolInterceptor,
  repool,
} from 'grpc-manifold';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examplesOf, regionsOf } from './guide-example.js';

const { EchoClient } = loadEchoPackage();
const payload = Buffer.from('hello');
let server: EchoServer;
let target: string;

beforeAll(async () => {
  server = await startEchoServer();
  target = server.target;
});

afterAll(() => server[Symbol.asyncDispose]());

function unary(client: Echo, request: EchoRequest = { payload }): Promise<EchoResponse> {
  return new Promise((resolve, reject) => {
    client.unary(request, (error, response) => (error === null ? resolve(response as EchoResponse) : reject(error)));
  });
}

/** A callback, and what it is called with. */
function awaited(): { answer: EchoCallback; answered: Promise<EchoResponse | undefined> } {
  let answer!: EchoCallback;
  const answered = new Promise<EchoResponse | undefined>((resolve, reject) => {
    answer = (error, response) => (error === null ? resolve(response) : reject(error));
  });
  return { answer, answered };
}

function noting(name: string, notes: string[]): Interceptor {
  return (options, nextCall) => {
    notes.push(name);
    return new InterceptingCall(nextCall(options));
  };
}

/** As libraries are: they take options, and make a client of them. */
class Library {
  readonly client: Echo;

  constructor({ target: address, grpcOptions }: { readonly target: string; readonly grpcOptions: ClientOptions }) {
    this.client = new EchoClient(address, credentials.createInsecure(), {
      'grpc.primary_user_agent': 'library',
      ...grpcOptions,
    });
  }
}

interface Tenant {
  readonly name: string;
  readonly target: string;
  readonly credentials: ChannelCredentials;
}

describe('the guide to wrapping clients', () => {
  it('shows what is run here', () => {
    expect(examplesOf('wrapping-clients.md')).toEqual(regionsOf('./wrapping-clients.test.ts'));
  });

  it('makes a client', async () => {
    const { answer, answered } = awaited();
    // #region
    await using client = createPooledClient(EchoClient, target, credentials.createInsecure(), { maxChannels: 4 });
    client.unary({ payload }, (error, response) => answer(error, response));
    // #endregion
    expect((await answered)?.payload).toEqual(payload);
  });

  it('makes several over one pool', async () => {
    const notes: string[] = [];
    const audit = noting('audit', notes);
    const use = async (reader: Echo, writer: Echo): Promise<void> => {
      await Promise.all([unary(reader), unary(writer)]);
      expect(notes).toEqual(['audit']);
    };
    {
      const pool = new ChannelPool(target, credentials.createInsecure());
      await use(createPooledClient(EchoClient, pool), createPooledClient(EchoClient, pool, { interceptors: [audit] }));
      await pool.drain();
    }
    // #region
    const pool = new ChannelPool(target, credentials.createInsecure(), { maxChannels: 4 });
    const reader = createPooledClient(EchoClient, pool);
    const writer = createPooledClient(EchoClient, pool, { interceptors: [audit] });
    reader.close(); // lets what reader has under way finish, and nobody else notices
    await pool.drain();
    // #endregion
    await expect(unary(writer)).rejects.toThrow('the pool is closed');
  });

  it('goes into a library', async () => {
    // #region
    const library = new Library({
      target,
      grpcOptions: { channelFactoryOverride: pooledChannelFactory({ maxChannels: 4 }) },
    });
    const pool = library.client.getChannel(); // a ChannelPool: stats(), onShed and all the rest
    // #endregion
    expect(await unary(library.client)).toMatchObject({ payload });
    expect((pool as unknown as ChannelPool).stats().succeededCalls).toBe(1);
    library.client.close();
  });

  it('takes over a client', async () => {
    const notes: string[] = [];
    const client = new EchoClient(target, credentials.createInsecure(), { interceptors: [noting('its own', notes)] });
    // #region
    const pool = new ChannelPool(target, credentials.createInsecure());
    const pooled = repool(client, pool);
    client.close(); // its own connection is not needed any more
    // #endregion
    expect(await unary(pooled)).toMatchObject({ payload });
    expect(notes).toEqual(['its own']);
    await pool.drain();
  });

  it('slips under a client', async () => {
    const notes: string[] = [];
    const [audit, trace] = [noting('audit', notes), noting('trace', notes)];
    // #region
    const pool = new ChannelPool(target, credentials.createInsecure());
    const client = new EchoClient(target, credentials.createInsecure(), {
      interceptors: [audit, poolInterceptor(pool)],
    });
    // #endregion
    await unary(client);
    const { answer, answered } = awaited();
    // #region
    client.unary({ payload }, { interceptors: [trace, poolInterceptor(pool)] }, answer);
    // #endregion
    await answered;
    expect(notes).toEqual(['audit', 'trace']);
    expect(pool.stats().succeededCalls).toBe(2);
    client.close();
    await pool.drain();
  });

  it('lends pools', async () => {
    // #region
    const registry = new ChannelPoolRegistry({ maxChannels: 2, maxIdleChannels: 20 });

    async function ask(tenant: Tenant): Promise<EchoResponse> {
      using lease = registry.acquire(tenant.target, tenant.credentials, tenant.name);
      await using client = createPooledClient(EchoClient, lease.pool);
      return await unary(client, { payload });
    }
    // #endregion
    const tenant = (name: string): Tenant => ({ name, target, credentials: credentials.createInsecure() });
    await Promise.all([ask(tenant('a')), ask(tenant('a')), ask(tenant('b'))]);
    expect(registry.stats()).toMatchObject({ pools: 2, leases: 0 });
    await registry[Symbol.asyncDispose]();
  });
});
