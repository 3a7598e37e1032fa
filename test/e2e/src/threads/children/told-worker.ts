/** The program of a thread that ends as a test wants, by itself. */
import '@grpc-manifold/thread-channel/worker';
import { setFlagsFromString, getHeapStatistics } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BroadcastChannel, threadId } from 'node:worker_threads';
import { ClientSockets } from '../../interleavings/client-sockets.js';
import { ORDERS, type WorkerOrder, type WorkerTold } from './told-worker-contract.js';

/** Rounds of the garbage collector, each followed by a turn in which finalizers run. */
const ROUNDS = 5;

const sockets = new ClientSockets();
const orders = new BroadcastChannel(ORDERS);

function tell(told: WorkerTold): void {
  orders.postMessage(told);
}

async function tellHeap(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let round = 0; round < ROUNDS; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  tell({ kind: 'heap', bytes: getHeapStatistics().used_heap_size });
}

orders.onmessage = (event: unknown) => {
  const order = (event as { data: WorkerOrder }).data;
  const { thread, how } = order;
  if (thread !== threadId) return;
  switch (how) {
    case 'throws':
      setImmediate(() => {
        throw new Error('told to throw');
      });
      return;
    case 'rejects':
      void Promise.reject(new Error('told to reject'));
      return;
    case 'exits':
      process.exit(3);
      return;
    case 'runs out of memory': {
      const kept: unknown[] = [];
      for (;;) kept.push(Array.from({ length: 10_000 }, (_, index) => ({ index })));
    }
    case 'tells its heap':
      void tellHeap();
      return;
    case 'loses its sockets':
      sockets.lose(order.code);
  }
};
tell({ kind: 'here', thread: threadId });
