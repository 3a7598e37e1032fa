import { getHeapSpaceStatistics } from 'node:v8';
import { collectGarbage } from '@grpc-manifold/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LinkedList, ListNode } from './linked-list.js';

describe('a line', () => {
  it('does as a list does, whoever enters and leaves', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 100 }), (steps) => {
        const line = new LinkedList<number>();
        const places = Array.from({ length: 10 }, () => new ListNode<number>());
        let model: number[] = [];
        for (const item of steps) {
          const place = places[item] as ListNode<number>;
          if (place.item === undefined) {
            line.push(place, item);
            model.push(item);
          } else {
            line.remove(place);
            model = model.filter((each) => each !== item);
          }
          expect([line.toArray(), line.size]).toEqual([model, model.length]);
          expect([line.first?.item, line.last?.item]).toEqual([model[0], model.at(-1)]);
        }
      }),
    );
  });

  it('leaves nothing in a place that was left', () => {
    const line = new LinkedList<string>();
    const [a, b, c] = [new ListNode<string>(), new ListNode<string>(), new ListNode<string>()];
    for (const place of [a, b, c]) line.push(place, 'item');
    line.remove(b);
    expect([b.item, b.previous, b.next]).toEqual([undefined, undefined, undefined]);
  });
});

const AT_ONCE = 128;
const IN_ALL = 30_000;
const MB = 1 << 20;

/** MB that have grown old while calls came and went, behind a mark-compact. */
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

describe('calls that come and go', () => {
  it('are freed by the scavenges between two mark-compacts', async () => {
    const line = new LinkedList<object>();
    const grown = await grownOldMb((call) => {
      const place = new ListNode<object>();
      line.push(place, call);
      return () => line.remove(place);
    });
    expect(grown).toBeLessThan(3);
  });
});
