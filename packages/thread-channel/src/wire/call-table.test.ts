import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CallTable } from './call-table.js';

describe('a table of calls', () => {
  it('behaves like a Map for random additions and removals, up to the highest number', () => {
    const number = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 0xffff_ffff }));
    fc.assert(
      fc.property(fc.array(fc.tuple(number, fc.boolean()), { maxLength: 400 }), (steps) => {
        const table = new CallTable<{ readonly id: number }>();
        const model = new Map<number, { readonly id: number }>();
        for (const [id, isAdded] of steps) {
          const known = model.get(id);
          expect(table.get(id)).toBe(known);
          if (known === undefined && isAdded) {
            const call = { id };
            table.add(call);
            model.set(id, call);
          } else {
            expect(table.delete(known ?? { id })).toBe(model.delete(id));
          }
          expect(table.size).toBe(model.size);
        }
        expect(new Set(table.toArray())).toEqual(new Set(model.values()));
        for (const [id, call] of model) expect(table.get(id)).toBe(call);
        table.clear();
        expect([table.size, table.toArray()]).toEqual([0, []]);
      }),
      { numRuns: 500 },
    );
  });

  it('needs few probes when many consecutive numbers pass and a few stay', () => {
    const table = new CallTable<{ readonly id: number }>();
    const streams = Array.from({ length: 1_000 }, (_, index) => ({ id: index * 64 + 1 }));
    for (const stream of streams) table.add(stream);
    for (let id = 100_000; id < 200_000; id += 1) {
      const call = { id };
      table.add(call);
      expect(table.get(id) === call && table.delete(call)).toBe(true);
    }
    for (const stream of streams) expect(table.delete(stream)).toBe(true);
    expect(table.size).toBe(0);
  });
});
