import { ListNode } from '@grpc-manifold/core/internal';
import { describe, expect, it } from 'vitest';
import { CallSet } from './call-set.js';

function setUp(...names: string[]) {
  const calls = new CallSet<string>();
  const places = Object.fromEntries(names.map((name) => [name, new ListNode<string>()]));
  const add = (name: string): void => calls.add(places[name] as ListNode<string>, name);
  const remove = (name: string): void => calls.delete(places[name] as ListNode<string>);
  return { calls, add, remove };
}

describe('CallSet', () => {
  it('counts each call once', () => {
    const { calls, add, remove } = setUp('a', 'b', 'stranger');
    for (const name of ['a', 'a', 'b']) add(name);
    expect(calls.size).toBe(2);
    for (const name of ['a', 'a', 'stranger']) remove(name);
    expect(calls.size).toBe(1);
  });

  it('resolves at once when it is empty', async () => {
    await new CallSet<string>().whenEmpty();
  });

  it('resolves everybody who waits when the last call leaves', async () => {
    const { calls, add, remove } = setUp('a', 'b', 'c');
    add('a');
    add('b');
    let resolved = 0;
    const waiting = [1, 2].map(() => calls.whenEmpty().then(() => (resolved += 1)));
    remove('a');
    await Promise.resolve();
    expect(resolved).toBe(0);
    remove('b');
    await Promise.all(waiting);
    expect(resolved).toBe(2);
    add('c');
    remove('c');
    expect(resolved).toBe(2);
  });

  it('gives a snapshot, first to last, that calls may leave while it is gone through', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const { calls, add, remove } = setUp(...names);
    for (const name of names) add(name);
    remove('c');
    add('c');
    expect(calls.snapshot()).toEqual(['a', 'b', 'd', 'e', 'c']);
    for (const name of calls.snapshot()) remove(name);
    expect(calls.size).toBe(0);
    expect(calls.snapshot()).toEqual([]);
  });

  it('says that new calls are refused, and keeps those it has', () => {
    const { calls, add } = setUp('a');
    add('a');
    expect(calls.closed).toBe(false);
    calls.refuseNew();
    expect([calls.closed, calls.size]).toEqual([true, 1]);
  });
});
