import { startEchoServer } from '@grpc-manifold/testing';
import { threadChannelFactory } from '@grpc-manifold/thread-channel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Case, Family, Statement } from './case.js';
import { runCase } from './run-case.js';
import type { Seen } from './seen.js';
import type { Shared } from './stage.js';
import { verdictOf } from './verdict.js';

/** Plays cases with each of the three clients, and compares. */
export function describeCases(families: readonly Family[], isPlayed: (each: Case) => boolean): void {
  let shared: Shared & { readonly inThreads: AsyncDisposable };

  beforeAll(async () => {
    shared = { echo: await startEchoServer({}, 'grpc-js'), inThreads: threadChannelFactory({ threads: 1 }) };
  });

  afterAll(async () => {
    await shared.inThreads[Symbol.asyncDispose]();
    await shared.echo[Symbol.asyncDispose]();
  });

  const played = families
    .map(({ heading, cases }) => ({ heading, cases: cases.filter(isPlayed) }))
    .filter(({ cases }) => cases.length > 0);

  // Not by `describe.each`, which shortens titles.
  for (const { heading, cases } of played) {
    describe(heading, () => {
      for (const each of cases) describe(each.title, () => describeCase(each, () => shared));
    });
  }
}

function describeCase(each: Case, shared: () => Shared): void {
  const { title, plain, pooled, threads = pooled, notInThreads, missing } = each;

  it('shows a plain client what it shows', async ({ skip }) => {
    skipWhenMissing(skip);
    expect(await runCase(each, 'plain', shared())).toEqual(plain);
  });

  it('is no worse for a pooled client', async ({ skip }) => {
    skipWhenMissing(skip);
    expectNoWorse(plain, await runCase(each, 'pooled', shared()), pooled);
  });

  it('is no worse for a pooled client in threads', async ({ skip }) => {
    if (notInThreads !== undefined) skip(notInThreads);
    skipWhenMissing(skip);
    expectNoWorse(plain, await runCase(each, 'threads', shared()), threads);
  });

  function skipWhenMissing(skip: (note: string) => void): void {
    const lack = missing?.();
    if (lack === undefined) return;
    console.warn(`${title} Skipped: ${lack}.`);
    skip(lack);
  }
}

function expectNoWorse(plain: Seen, seen: Seen, stated: Statement | undefined): void {
  // First, since it shows what is other; the verdict asks besides whether that may be so.
  expect(seen).toEqual({ ...plain, ...stated?.saw });
  expect(verdictOf(plain, seen, stated)).toBe(stated?.is ?? 'equal');
}
