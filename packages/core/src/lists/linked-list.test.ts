import { getHeapSpaceStatistics } from 'node:v8';
import { collectGarbage } from '@grpc-manifold/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LinkedList, ListNode } from './linked-list.js';

describe('LinkedList', () => {
  it('behaves like an array for any order of additions and removals', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 100 }), (steps) => {
        const list = new LinkedList<number>();
        const nodes = Array.from({ length: 10 }, () => new ListNode<number>());
        let model: number[] = [];
        for (const item of steps) {
          const node = nodes[item] as ListNode<number>;
          if (node.item === undefined) {
            list.push(node, item);
            model.push(item);
          } else {
            list.remove(node);
            model = model.filter((each) => each !== item);
          }
          expect([list.toArray(), list.size]).toEqual([model, model.length]);
          expect([list.first?.item, list.last?.item]).toEqual([model[0], model.at(-1)]);
        }
      }),
    );
  });

  it('clears the references of a removed node', () => {
    const list = new LinkedList<string>();
    const [a, b, c] = [new ListNode<string>(), new ListNode<string>(), new ListNode<string>()];
    for (const node of [a, b, c]) list.push(node, 'item');
    list.remove(b);
    expect([b.item, b.previous, b.next]).toEqual([undefined, undefined, undefined]);
  });
});

const AT_ONCE = 128;
const IN_ALL = 30_000;
const MB = 1 << 20;

/** The growth of the old generation in MB while short-lived calls are created, after a mark-compact. */
async function grownOldMb(enter: (call: object) => () => void): Promise<number> {
  const oldMb = (): number =>
    (getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')?.space_used_size ?? 0) / MB;
  const leaves: (() => void)[] = [];
  const come = (): void => {
    // Some 800 bytes: 24 MB in all.
    leaves.push(enter(Array.from({ length: 100 }, (_, index) => index)));
    if (leaves.length > AT_ONCE) leaves.shift()?.();
  };
  for (let count = 0; count < AT_ONCE * 4; count += 1) come();
  await collectGarbage(() => false, 1);
  const before = oldMb();
  for (let count = 0; count < IN_ALL; count += 1) come();
  return oldMb() - before;
}

describe('short-lived calls in a list', () => {
  it('are freed by the scavenges between two mark-compacts', async () => {
    const list = new LinkedList<object>();
    const grown = await grownOldMb((call) => {
      const node = new ListNode<object>();
      list.push(node, call);
      return () => list.remove(node);
    });
    expect(grown).toBeLessThan(3);
  });
});
