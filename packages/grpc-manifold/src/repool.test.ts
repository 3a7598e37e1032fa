import {
  Client,
  credentials,
  InterceptingCall,
  makeGenericClientConstructor,
  type ChannelCredentials,
  type ClientOptions,
  type Interceptor,
  type MethodDefinition,
} from '@grpc/grpc-js';
import { ChannelPool } from '@grpc-manifold/channel-pool';
import { afterEach, describe, expect, it } from 'vitest';
import { repool } from './repool.js';

const INSECURE = credentials.createInsecure();
const TARGET = 'ipv4:127.0.0.1:1';
const pass = (bytes: Buffer): Buffer => bytes;
const clients: Client[] = [];
const pools: ChannelPool[] = [];

const methodOf = (name: string): MethodDefinition<Buffer, Buffer> => ({
  path: `/test.Test/${name}`,
  requestStream: false,
  responseStream: false,
  requestSerialize: pass,
  requestDeserialize: pass,
  responseSerialize: pass,
  responseDeserialize: pass,
});

const Test = makeGenericClientConstructor({ Get: methodOf('Get') }, 'Test');

function clientOf(options?: ClientOptions): Client {
  const client = new Test(TARGET, INSECURE, options);
  clients.push(client);
  return client;
}

function poolOf(): ChannelPool {
  const pool = new ChannelPool(TARGET, INSECURE);
  pools.push(pool);
  return pool;
}

/** Makes a call to nobody and waits for its end. */
const call = (client: Client): Promise<Error | null> =>
  new Promise((resolve) => {
    client.makeUnaryRequest('/test.Test/Get', pass, pass, Buffer.alloc(0), resolve).cancel();
  });

/** An interceptor that notes its name. */
function noting(name: string, notes: string[]): Interceptor {
  return (options, nextCall) => {
    notes.push(name);
    return new InterceptingCall(nextCall(options));
  };
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await Promise.all(pools.splice(0).map((pool) => pool.destroy()));
});

describe('repool', () => {
  it('makes another instance of the same class, over the pool', async () => {
    const [client, pool] = [clientOf(), poolOf()];
    const pooled = repool(client, pool);
    expect(pooled).not.toBe(client);
    expect(Object.getPrototypeOf(pooled)).toBe(Object.getPrototypeOf(client));
    await call(pooled);
    expect(pool.stats().startedCalls).toBe(1);
  });

  it('leaves the pool and the first client open when it is closed', () => {
    const [client, pool] = [clientOf(), poolOf()];
    repool(client, pool).close();
    expect(pool.stats().state).toBe('IDLE');
    expect(client.getChannel().getConnectivityState(false)).toBe(0);
  });

  it.each(['getChannel', 'close', 'waitForReady'])('calls no RPC that is called %s', async (name) => {
    const Hiding = makeGenericClientConstructor({ [name]: methodOf(name) }, 'Hiding');
    const client = new Hiding(TARGET, INSECURE);
    const pool = poolOf();
    await call(repool(client, pool));
    expect(pool.stats().startedCalls).toBe(1);
    Client.prototype.close.call(client);
  });

  it('works on a bare grpc.Client', async () => {
    const client = new Client(TARGET, INSECURE);
    clients.push(client);
    const pool = poolOf();
    await call(repool(client, pool));
    expect(pool.stats().startedCalls).toBe(1);
  });

  it.each(['interceptors', 'interceptor_providers'] as const)('keeps the %s of the first client', async (way) => {
    const notes: string[] = [];
    const interceptor = noting('first', notes);
    const client = clientOf(
      way === 'interceptors' ? { interceptors: [interceptor] } : { interceptor_providers: [() => interceptor] },
    );
    await call(repool(client, poolOf()));
    expect(notes).toEqual(['first']);
  });

  it('keeps its transformer', async () => {
    const notes: string[] = [];
    const callInvocationTransformer: ClientOptions['callInvocationTransformer'] = (properties) => {
      notes.push('transformed');
      return properties;
    };
    await call(repool(clientOf({ callInvocationTransformer }), poolOf()));
    expect(notes).toEqual(['transformed']);
  });

  it('takes other interceptors instead, where it is given some', async () => {
    const notes: string[] = [];
    const client = clientOf({ interceptors: [noting('first', notes)] });
    await call(repool(client, poolOf(), { interceptors: [noting('other', notes)] }));
    await call(repool(client, poolOf(), { interceptor_providers: [() => noting('provided', notes)] }));
    await call(repool(client, poolOf(), { interceptors: [] }));
    expect(notes).toEqual(['other', 'provided']);
  });

  it('does not double interceptors that a class brings of itself', async () => {
    const notes: string[] = [];
    class Authenticated extends Client {
      constructor(address: string, given: ChannelCredentials, options: ClientOptions = {}) {
        super(address, given, { ...options, interceptors: [noting('own', notes), ...(options.interceptors ?? [])] });
      }
    }
    const client = new Authenticated(TARGET, INSECURE, { interceptors: [noting('given', notes)] });
    clients.push(client);
    await call(repool(client, poolOf()));
    expect(notes).toEqual(['own', 'given']);
  });

  describe('refuses, by a TypeError,', () => {
    it.each([
      ['what is no client', {}, /^repool: client must be a client of the same copy of @grpc\/grpc-js, got \{\}/],
      ['nothing', undefined, /got undefined/],
    ])('%s', (_what, client, message) => {
      expect(() => repool(client as never, poolOf())).toThrow(message);
    });

    it('what is no pool', () => {
      expect(() => repool(clientOf(), {} as never)).toThrow('repool: pool must be a ChannelPool');
    });

    it('options that are not the client its own', () => {
      const refused = { 'grpc.max_send_message_length': 1 } as ClientOptions;
      expect(() => repool(clientOf(), poolOf(), refused)).toThrow(
        "repool: unknown option 'grpc.max_send_message_length'; known are interceptors",
      );
      expect(() => repool(clientOf(), poolOf(), [] as never)).toThrow('repool: options must be an object');
    });

    it('a class that takes something else than address, credentials, options', () => {
      class Odd extends Client {
        constructor(settings: { readonly host: string }) {
          super(settings.host.toLowerCase(), INSECURE);
        }
      }
      const client = new Odd({ host: TARGET });
      clients.push(client);
      expect(() => repool(client, poolOf())).toThrow(
        /^repool: Odd could not be made by \(address, credentials, options\)/,
      );
    });

    it('a class that keeps the options from grpc-js, without leaving its channel open', () => {
      const made: Client[] = [];
      class Deaf extends Client {
        constructor(address: string) {
          super(address, INSECURE);
          made.push(this);
        }
      }
      const client = new Deaf(TARGET);
      clients.push(client);
      expect(() => repool(client, poolOf())).toThrow(
        /Deaf does not hand its third argument .* poolInterceptor\(pool\)/,
      );
      expect(made[1]?.getChannel().getConnectivityState(false)).toBe(4);
    });

    it('a client whose class is hidden by an RPC called constructor', () => {
      const client = clientOf();
      const hiding = Object.create(Object.getPrototypeOf(client) as object, {
        constructor: { value: () => undefined },
      }) as object;
      expect(() => repool(Object.create(hiding) as Client, poolOf())).toThrow('does not tell its class');
    });
  });
});
