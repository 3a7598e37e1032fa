import { expect, it } from 'vitest';
import { renderResult } from './render-result.js';
import { runSoak } from './run-soak.js';

it('keeps every invariant through 25 seconds of faults and calls', async () => {
  const result = await runSoak({ seed: 20_260, durationMs: 25_000 });
  console.info(renderResult(result));
  expect(result.violations).toEqual([]);
  expect(result.startedCalls).toBeGreaterThan(500);
  expect(result.faults.size).toBeGreaterThan(5);
}, 120_000);

it('ends early when it is told to, and leaves nothing behind', async () => {
  const stop = new AbortController();
  const { violations, startedCalls } = await runSoak({
    seed: 1,
    durationMs: 600_000,
    signal: stop.signal,
    onCallEnded: () => stop.abort(),
  });
  expect(violations).toEqual([]);
  expect(startedCalls).toBeGreaterThan(0);
}, 120_000);
