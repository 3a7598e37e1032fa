import type { Interceptor, InterceptorProvider } from '@grpc/grpc-js';
import { loadEchoPackage } from '@grpc-manifold/testing';
import type { Way } from './way.js';

const { EchoClient: Echo } = loadEchoPackage();

/** An interceptor that stands among others. */
export interface Placed {
  readonly interceptor: Interceptor;
  close(): void;
}

/** Plain clients with one more interceptor: before the others, and after them. @param make is asked for each client. */
export function placedWays(make: () => Placed): readonly Way[] {
  return [
    placedWay('before the other interceptors', (one, others) => [one, ...others], make),
    placedWay('after the other interceptors', (one, others) => [...others, one], make),
  ];
}

function placedWay(name: string, place: <T>(one: T, others: readonly T[]) => T[], make: () => Placed): Way {
  return {
    name,
    open: ({ target, credentials, channelOptions, clientOptions }) => {
      const { interceptor, close } = make();
      const { interceptors = [], interceptor_providers: providers, ...others } = clientOptions;
      const provider: InterceptorProvider = () => interceptor;
      const client = new Echo(target, credentials, {
        ...channelOptions,
        ...others,
        ...(providers === undefined
          ? { interceptors: place(interceptor, interceptors) }
          : { interceptor_providers: place(provider, providers) }),
      });
      return {
        client,
        perCall: (given) => place(interceptor, given),
        close: async () => {
          client.close();
          close();
        },
      };
    },
  };
}
