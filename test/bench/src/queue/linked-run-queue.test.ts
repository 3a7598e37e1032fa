import PQueue from 'p-queue';
import { describe, expect, it } from 'vitest';
import { LinkedRunQueue } from './linked-run-queue.js';

function hold(queue: PQueue): () => void {
  let free = (): void => undefined;
  void queue.add(() => new Promise<void>((resolve) => (free = resolve)));
  return () => free();
}

describe('the linked queue under p-queue', () => {
  it('runs what waits first in, first out, without what was aborted', async () => {
    const queue = new PQueue({ concurrency: 1, queueClass: LinkedRunQueue }) as unknown as PQueue;
    const free = hold(queue);
    const ran: number[] = [];
    const controllers = [1, 2, 3, 4, 5].map((number) => {
      const controller = new AbortController();
      queue.add(() => void ran.push(number), { signal: controller.signal }).catch(() => undefined);
      return controller;
    });
    for (const index of [4, 0, 2]) controllers[index]?.abort();
    expect(queue.size).toBe(2);
    free();
    await queue.onIdle();
    expect(ran).toEqual([2, 4]);
  });
});
