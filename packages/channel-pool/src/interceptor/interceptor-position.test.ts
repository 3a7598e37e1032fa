import {
  Client,
  connectivityState,
  credentials,
  InterceptingCall,
  type ClientOptions,
  type Interceptor,
} from '@grpc/grpc-js';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { InterceptorPosition } from './interceptor-position.js';

type Answers = boolean[];

const clients: Client[] = [];
const pass = (bytes: Buffer): Buffer => bytes;
const other: Interceptor = (options, nextCall) => new InterceptingCall(nextCall(options));

/** An interceptor that notes whether another follows, and ends there. */
function spyOf(answers: Answers): Interceptor {
  const position = new InterceptorPosition();
  const spy: Interceptor = (options, nextCall) => {
    answers.push(position.isFollowed(spy, options, nextCall));
    throw STOP;
  };
  return spy;
}

function clientWith(options: ClientOptions): Client {
  const client = new Client('ipv4:127.0.0.1:1', credentials.createInsecure(), options);
  clients.push(client);
  return client;
}

const STOP = new Error('seen enough');

function call(client: Client, interceptors: Interceptor[] = []): void {
  expect(() => client.makeServerStreamRequest('/x/Y', pass, pass, Buffer.alloc(0), { interceptors })).toThrow(STOP);
}

/** Begins two calls and tells what a spy among the interceptors was answered. */
function answersOf(
  make: (spy: Interceptor) => (Interceptor | undefined)[],
  per: 'client' | 'call' | 'provider' = 'client',
): Answers {
  const answers: Answers = [];
  const interceptors = make(spyOf(answers)) as Interceptor[];
  const client = clientWith({
    ...(per === 'client' ? { interceptors } : {}),
    ...(per === 'provider' ? { interceptor_providers: interceptors.map((one) => () => one) } : {}),
  });
  for (let calls = 0; calls < 2; calls += 1) call(client, per === 'call' ? interceptors : []);
  return answers;
}

/** Calls that a channel of grpc-js counts as not ended. */
function countedCalls(client: Client): unknown {
  return (client.getChannel() as unknown as { internalChannel: { callCount: number } }).internalChannel.callCount;
}

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

describe('InterceptorPosition', () => {
  it.each(['client', 'call', 'provider'] as const)('knows who is last among the interceptors of a %s', (per) => {
    expect(answersOf((spy) => [spy], per)).toEqual([false, false]);
    expect(answersOf((spy) => [other, spy], per)).toEqual([false, false]);
    expect(answersOf((spy) => [spy, other], per)).toEqual([true, true]);
    expect(answersOf((spy) => [other, spy, other, other], per)).toEqual([true, true]);
  });

  it('counts neither a provider that has no interceptor for the method, nor a gap in a list', () => {
    for (const per of ['provider', 'call'] as const) {
      expect(answersOf((spy) => [spy, undefined], per)).toEqual([false, false]);
    }
  });

  it('knows it where an interceptor before it wraps what leads on', () => {
    const wrapping =
      (inner: Interceptor): Interceptor =>
      (options, nextCall) =>
        inner(options, (handedOn) => nextCall(handedOn));
    expect(answersOf((spy) => [wrapping(spy), other])).toEqual([true, true]);
    expect(answersOf((spy) => [wrapping(spy)])).toEqual([false, false]);
    expect(answersOf((spy) => [wrapping(spy), other], 'call')).toEqual([true, true]);
  });

  it('asks the channel of a client once a method, and leaves nothing with it', () => {
    const answers: Answers = [];
    const client = clientWith({ interceptors: [spyOf(answers)] });
    const createCall = vi.spyOn(client.getChannel(), 'createCall');
    for (let calls = 0; calls < 3; calls += 1) call(client);
    expect(answers).toEqual([false, false, false]);
    expect(createCall).toHaveBeenCalledExactlyOnceWith('/x/Y', Infinity, undefined, null, undefined);
    expect(countedCalls(client)).toBe(0);
    expect(client.getChannel().getConnectivityState(false)).toBe(connectivityState.IDLE);
  });

  it('asks for it without deadline, parent and credentials', () => {
    const position = new InterceptorPosition();
    const asked: unknown[] = [];
    const nextCall = (options: object): InterceptingCall => {
      asked.push(options);
      return new InterceptingCall(null as never);
    };
    const options = {
      deadline: 5,
      host: 'x',
      parent: {},
      credentials: {},
      method_definition: { path: '/x/Y' },
    } as unknown as Parameters<Interceptor>[0];
    expect(position.isFollowed(other, options, nextCall)).toBe(true);
    expect(asked).toEqual([{ deadline: Infinity, host: 'x', method_definition: { path: '/x/Y' } }]);
  });

  it('accuses nobody where the channel of the client is closed', () => {
    const answers: Answers = [];
    const client = clientWith({ interceptors: [spyOf(answers)] });
    client.close();
    call(client);
    expect(answers).toEqual([false]);
  });

  it('reads no function', () => {
    const toString = vi.spyOn(Function.prototype, 'toString');
    try {
      expect(answersOf((spy) => [spy, other])).toEqual([true, true]);
      expect(toString).not.toHaveBeenCalled();
    } finally {
      toString.mockRestore();
    }
  });
});
