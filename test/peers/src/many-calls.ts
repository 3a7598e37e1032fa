import { status } from '@grpc/grpc-js';
import type { EchoClient, EchoRequest } from '@grpc-manifold/testing';

/** Starts calls, all in one tick, and resolves to how many ended with which status, by name. */
export async function manyCalls(client: EchoClient, count: number, request: EchoRequest = {}) {
  const counts: Record<string, number> = {};
  await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<void>((resolve) => {
          client.unary(request, (error) => {
            const name = status[error?.code ?? status.OK];
            counts[name] = (counts[name] ?? 0) + 1;
            resolve();
          });
        }),
    ),
  );
  return counts;
}
