import { describe, expect, it } from 'vitest';
import { CallSet } from './call-set.js';

describe('CallSet', () => {
  it('counts each call once', () => {
    const calls = new CallSet<string>();
    calls.add('a');
    calls.add('a');
    calls.add('b');
    expect(calls.size).toBe(2);
    calls.delete('a');
    calls.delete('a');
    calls.delete('stranger');
    expect(calls.size).toBe(1);
  });

  it('resolves at once when it is empty', async () => {
    await new CallSet<string>().whenEmpty();
  });

  it('resolves everybody who waits when the last call leaves', async () => {
    const calls = new CallSet<string>();
    calls.add('a');
    calls.add('b');
    let resolved = 0;
    const waiting = [1, 2].map(() => calls.whenEmpty().then(() => (resolved += 1)));
    calls.delete('a');
    await Promise.resolve();
    expect(resolved).toBe(0);
    calls.delete('b');
    await Promise.all(waiting);
    expect(resolved).toBe(2);
    calls.add('c');
    calls.delete('c');
    expect(resolved).toBe(2);
  });

  it('gives a snapshot that calls may leave while it is gone through', () => {
    const calls = new CallSet<number>();
    for (let call = 0; call < 5; call += 1) calls.add(call);
    for (const call of calls.snapshot()) calls.delete(call);
    expect(calls.size).toBe(0);
    expect(calls.snapshot()).toEqual([]);
  });

  it('says that new calls are refused, and keeps those it has', () => {
    const calls = new CallSet<string>();
    calls.add('a');
    expect(calls.closed).toBe(false);
    calls.refuseNew();
    expect([calls.closed, calls.size]).toEqual([true, 1]);
  });
});
