import { Metadata, status, type InterceptorOptions, type StatusObject } from '@grpc/grpc-js';
import { collectGarbage } from '@grpc-manifold/testing';
import { describe, expect, it } from 'vitest';
import { circuitBreaker, type CircuitBreakerInterceptor } from './circuit-breaker.js';

const WELL: StatusObject = { code: status.OK, details: '', metadata: new Metadata() };
const BADLY: StatusObject = { ...WELL, code: status.UNAVAILABLE };

/** Makes calls that end within their start, one after the other. */
function makeCalls(breaker: CircuitBreakerInterceptor, count: number, path: (index: number) => string): void {
  const metadata = new Metadata();
  for (let index = 0; index < count; index += 1) {
    const options = { method_definition: { path: path(index) } } as unknown as InterceptorOptions;
    const ending = index % 10 === 0 ? BADLY : WELL;
    const below = {
      start: (_: Metadata, listener: { onReceiveStatus(status: StatusObject): void }) =>
        listener.onReceiveStatus(ending),
    };
    breaker(options, () => below as never).start(metadata, {
      onReceiveMetadata: () => undefined,
      onReceiveMessage: () => undefined,
      onReceiveStatus: () => undefined,
    });
  }
}

async function heapBytes(): Promise<number> {
  await collectGarbage(() => false, 4);
  return process.memoryUsage().heapUsed;
}

describe('the memory of a breaker', () => {
  it('is that of maxKeys circuits, however many keys there are', async () => {
    using breaker = circuitBreaker({ maxKeys: 1_000 });
    makeCalls(breaker, 1_000, (index) => `/s/${index}`);
    const before = await heapBytes();
    makeCalls(breaker, 30_000, (index) => `/s/${index}`);
    const grownBytes = (await heapBytes()) - before;
    expect(Object.keys(breaker.states())).toHaveLength(1_000);
    // A circuit that was kept would be some kilobytes: 30,000 of them are tens of megabytes.
    expect(grownBytes).toBeLessThan(5_000_000);
  }, 120_000);

  it('does not grow with the calls of the window', async () => {
    using breaker = circuitBreaker({ windowMs: 86_400_000 });
    makeCalls(breaker, 1_000, () => '/s/m');
    const before = await heapBytes();
    makeCalls(breaker, 300_000, () => '/s/m');
    const grownBytes = (await heapBytes()) - before;
    expect(breaker.states()['/s/m']).toMatchObject({ calls: 301_000, failures: 30_100 });
    // opossum by itself would have kept 8 bytes and more of each.
    expect(grownBytes).toBeLessThan(1_000_000);
  });
});
