import { startEchoServer } from '@grpc-manifold/testing';
import { threadChannelFactory } from '@grpc-manifold/thread-channel';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Case } from './case.js';
import { CATALOGUE } from './catalogue/index.js';
import { checkOrWrite } from './page.js';
import { runCase } from './run-case.js';
import type { Seen } from './seen.js';
import type { Shared } from './stage.js';
import { verdictOf } from './verdict.js';

// Read by grpc-js when it is loaded: names are resolved by the DNS server that a target names.
vi.hoisted(() => (process.env['GRPC_NODE_USE_ALTERNATIVE_RESOLVER'] = 'true'));

const isFull = process.env['MANIFOLD_FULL'] === '1';

let shared: Shared & { readonly inThreads: AsyncDisposable };

beforeAll(async () => {
  shared = { echo: await startEchoServer({}, 'grpc-js'), inThreads: threadChannelFactory({ threads: 1 }) };
});

afterAll(async () => {
  await shared.inThreads[Symbol.asyncDispose]();
  await shared.echo[Symbol.asyncDispose]();
});

describe.each(CATALOGUE)('$heading', ({ cases }) => {
  describe.each(cases)('$title', (each) => {
    const { plain, pooled, threads = pooled, notInThreads, isSlow = false } = each;

    it('shows a plain client what it shows', async ({ skip }) => {
      skipWhenMissing(each, skip);
      expect(await runCase(each, 'plain', shared)).toEqual(plain);
    });

    it('is no worse for a pooled client', async ({ skip }) => {
      skipWhenMissing(each, skip);
      expectNoWorse(plain, await runCase(each, 'pooled', shared), pooled);
    });

    it('is no worse for a pooled client in threads', async ({ skip }) => {
      if (notInThreads !== undefined) skip(notInThreads);
      skipWhenMissing(each, skip);
      expectNoWorse(plain, await runCase(each, 'threads', shared), threads);
    });

    function skipWhenMissing({ missing }: Case, skip: (note: string) => void): void {
      if (isSlow && !isFull) skip('it takes seconds: MANIFOLD_FULL=1 runs it');
      const lack = missing?.();
      if (lack !== undefined) {
        console.warn(`${each.title} Skipped: ${lack}.`);
        skip(lack);
      }
    }
  });
});

it('docs/never-worse.md says what the catalogue says', async () => {
  const { written, generated } = await checkOrWrite(CATALOGUE);
  expect(written, 'run `npm run never-worse` to write it anew').toBe(generated);
});

function expectNoWorse(plain: Seen, seen: Seen, stated: Case['pooled']): void {
  // First, since it shows what is other; the verdict asks besides whether that may be so.
  expect(seen).toEqual({ ...plain, ...stated?.saw });
  expect(verdictOf(plain, seen, stated)).toBe(stated?.is ?? 'equal');
}
