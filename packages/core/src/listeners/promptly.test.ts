import { createReadStream } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { promptly } from './promptly.js';

/** Runs in a new turn of the event loop, whose limit is unused. */
function inFreshTurn<Result>(run: () => Result | Promise<Result>): Promise<Result> {
  return turn()
    .then(() => turn())
    .then(run);
}

describe('promptly', () => {
  it('never calls back synchronously', async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      promptly(() => {
        order.push('called back');
        resolve();
      });
      order.push('asked');
    });
    expect(order).toEqual(['asked', 'called back']);
  });

  it('calls back after all pending microtasks, however long their chain', async () => {
    const order = await inFreshTurn(
      () =>
        new Promise<string[]>((resolve) => {
          const seen: string[] = [];
          setImmediate(() => {
            promptly(() => resolve([...seen, 'called back']));
            void (async () => {
              for (let hop = 0; hop < 1_000; hop += 1) await Promise.resolve();
              seen.push('awaited');
            })();
          });
        }),
    );
    expect(order).toEqual(['awaited', 'called back']);
  });

  it('does not wait for the next turn of the event loop', async () => {
    const order = await inFreshTurn(
      () =>
        new Promise<string[]>((resolve) => {
          const seen: string[] = [];
          setImmediate(() => resolve([...seen, 'next turn']));
          promptly(() => seen.push('called back'));
        }),
    );
    expect(order).toEqual(['called back', 'next turn']);
  });

  it('lets I/O run when each callback requests another one', async () => {
    let calledBack = 0;
    await inFreshTurn(
      () =>
        new Promise<void>((resolve) => {
          let isRead = false;
          createReadStream(import.meta.filename).once('data', () => (isRead = true));
          const again = (): void => {
            calledBack += 1;
            if (isRead) resolve();
            else promptly(again);
          };
          promptly(again);
        }),
    );
    expect(calledBack).toBeGreaterThan(100);
  });

  it('calls back in the order of the requests, also beyond the limit of one turn', async () => {
    const order: number[] = [];
    await inFreshTurn(
      () =>
        new Promise<void>((resolve) => {
          for (let index = 0; index < 250; index += 1) promptly(() => order.push(index));
          promptly(resolve);
        }),
    );
    expect(order).toEqual(Array.from({ length: 250 }, (_, index) => index));
  });
});
