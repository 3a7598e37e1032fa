import type { InterceptorProvider } from '@grpc/grpc-js';
import { loadEchoPackage } from '@grpc-manifold/testing';
import { circuitBreaker } from 'grpc-manifold';
import { compareWithPlain } from '../ways-in/compare-with-plain.js';
import type { Way } from '../ways-in/way.js';

const { EchoClient: Echo } = loadEchoPackage();

/** A plain client with a circuit breaker that is closed, before or after the other interceptors. */
function guardedWay(place: 'before' | 'after'): Way {
  const placed = <T>(breaker: T, others: readonly T[]): T[] =>
    place === 'before' ? [breaker, ...others] : [...others, breaker];
  return {
    name: `${place} the other interceptors`,
    open: ({ target, credentials, channelOptions, clientOptions }) => {
      const breaker = circuitBreaker({ volumeThreshold: 1_000, slowCallMs: 60_000 });
      const { interceptors = [], interceptor_providers: providers, ...others } = clientOptions;
      const provider: InterceptorProvider = () => breaker;
      const client = new Echo(target, credentials, {
        ...channelOptions,
        ...others,
        ...(providers === undefined
          ? { interceptors: placed(breaker, interceptors) }
          : { interceptor_providers: placed(provider, providers) }),
      });
      return {
        client,
        perCall: (given) => placed(breaker, given),
        close: async () => {
          client.close();
          breaker[Symbol.dispose]();
        },
      };
    },
  };
}

compareWithPlain('as without a circuit breaker, which is closed', [guardedWay('before'), guardedWay('after')]);
