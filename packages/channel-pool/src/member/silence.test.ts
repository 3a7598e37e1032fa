import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock, settled } from '@grpc-manifold/testing';
import { Silence, STALLED_AFTER_MS } from './silence.js';

const TIMEOUT_MS = 60_000;

describe('the silence of a connection that was asked for a sign of life', () => {
  let clock: FakeClock;
  let connection: { count: number; canAsk: boolean };
  let told: string[];
  let silence: Silence;

  function watch(timeoutMs = TIMEOUT_MS): void {
    silence = new Silence(clock, connection, timeoutMs, {
      onStalled: (silentMs) => told.push(`stalled after ${silentMs} at ${clock.elapsed()}`),
      onSilent: (silentMs) => told.push(`silent after ${silentMs} at ${clock.elapsed()}`),
    });
  }

  beforeEach(() => {
    clock = new FakeClock();
    connection = { count: 7, canAsk: true };
    told = [];
    watch();
  });

  /** Lets time go by in which this process runs. */
  async function pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 50) {
      clock.advance(50);
      await settled();
    }
  }

  it('is told once when it is stalled, and once when its calls should be told', async () => {
    silence.begin();
    await pass(STALLED_AFTER_MS - 50);
    expect(told).toEqual([]);
    await pass(50);
    expect(told).toEqual(['stalled after 5000 at 5000']);
    await pass(TIMEOUT_MS - STALLED_AFTER_MS - 50);
    expect(told).toHaveLength(1);
    await pass(10_000);
    expect(told).toEqual(['stalled after 5000 at 5000', 'silent after 60000 at 60000']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('counts from the first of several questions, and holds no process', async () => {
    silence.begin();
    await pass(3_000);
    silence.begin();
    expect([clock.pendingTimers, clock.refdTimers]).toEqual([1, 0]);
    await pass(2_000);
    expect(told).toEqual(['stalled after 5000 at 5000']);
  });

  it('ends with the answer', async () => {
    silence.begin();
    await pass(4_900);
    silence.end();
    expect(clock.pendingTimers).toBe(0);
    await pass(TIMEOUT_MS);
    expect(told).toEqual([]);
  });

  it('begins anew with anything that comes in, as long as the answer is owed', async () => {
    silence.begin();
    await pass(4_900);
    connection.count += 1;
    await pass(5_000);
    expect(told).toEqual([]);
    await pass(200);
    expect(told).toEqual(['stalled after 5000 at 10000']);
    connection.count += 1;
    await pass(6_000);
    expect(told).toHaveLength(2);
  });

  it('is not the time in which this process did not run', async () => {
    silence.begin();
    await pass(1_000);
    clock.advance(3_600_000);
    await settled();
    await pass(3_700);
    expect(told).toEqual([]);
    await pass(200);
    expect(told).toHaveLength(1);
  });

  it('is told by what lay in the socket of a process that was busy', async () => {
    silence.begin();
    await pass(4_900);
    clock.advance(10_000);
    // The timer has fired, and the input is read before the look.
    connection.count += 1;
    await settled();
    await pass(4_900);
    expect(told).toEqual([]);
  });

  it('may last for ever', async () => {
    watch(Infinity);
    silence.begin();
    await pass(2 * TIMEOUT_MS);
    expect(told).toEqual(['stalled after 5000 at 5000']);
    silence.end();
  });

  it('may be too long before the connection is stalled', async () => {
    watch(1_000);
    silence.begin();
    await pass(6_000);
    expect(told).toEqual(['silent after 1000 at 1000']);
  });

  it('is nothing once the session is gone', async () => {
    silence.begin();
    connection.canAsk = false;
    await pass(6_000);
    expect(told).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });
});
