import { Client, credentials, type ChannelInterface, type Interceptor } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { isFollowed } from './interceptor-position.js';

const STOP = new Error('seen enough');

/** Begins a call and tells what each spy among the interceptors was answered. */
function answersOf(
  make: (spy: Interceptor) => Interceptor[],
  per: 'client' | 'call' | 'provider' = 'client',
): boolean[] {
  const answers: boolean[] = [];
  const spy: Interceptor = (options, nextCall) => {
    answers.push(isFollowed(nextCall));
    return nextCall(options) as ReturnType<Interceptor>;
  };
  const interceptors = make(spy);
  const channel = {
    createCall: () => {
      throw STOP;
    },
  } as unknown as ChannelInterface;
  const client = new Client('x', credentials.createInsecure(), {
    channelOverride: channel,
    ...(per === 'client' ? { interceptors } : {}),
    ...(per === 'provider' ? { interceptor_providers: interceptors.map((one) => () => one) } : {}),
  });
  const pass = (bytes: Buffer): Buffer => bytes;
  const options = per === 'call' ? { interceptors } : {};
  expect(() => client.makeServerStreamRequest('/x/Y', pass, pass, Buffer.alloc(0), options)).toThrow(STOP);
  return answers;
}

const other: Interceptor = (options, nextCall) => nextCall(options) as ReturnType<Interceptor>;

describe('isFollowed', () => {
  it.each(['client', 'call', 'provider'] as const)('knows who is last among the interceptors of a %s', (per) => {
    expect(answersOf((spy) => [spy], per)).toEqual([false]);
    expect(answersOf((spy) => [other, spy], per)).toEqual([false]);
    expect(answersOf((spy) => [spy, other], per)).toEqual([true]);
    expect(answersOf((spy) => [spy, other, spy, spy], per)).toEqual([true, true, false]);
  });

  it('does not count providers that have no interceptor for the method', () => {
    expect(answersOf((spy) => [spy, undefined as unknown as Interceptor], 'provider')).toEqual([false]);
  });

  it('cannot tell where what leads on is wrapped, and then does not accuse', () => {
    const wrapping =
      (inner: Interceptor): Interceptor =>
      (options, nextCall) =>
        inner(options, (handedOn) => nextCall(handedOn));
    expect(answersOf((spy) => [wrapping(spy), other])).toEqual([false]);
  });
});
