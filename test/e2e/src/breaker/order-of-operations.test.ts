import { circuitBreaker } from 'grpc-manifold';
import { compareWithPlain } from '../ways-in/compare-with-plain.js';
import { placedWays } from '../ways-in/placed-ways.js';

compareWithPlain(
  'as without a circuit breaker, which is closed',
  placedWays(() => {
    const breaker = circuitBreaker({ volumeThreshold: 1_000, slowCallMs: 60_000 });
    return { interceptor: breaker, close: () => breaker[Symbol.dispose]() };
  }),
);
