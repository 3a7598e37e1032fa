import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { Emitter } from './event.js';

describe('Emitter', () => {
  it('hands each payload to every listener, in the order of subscription', () => {
    const emitter = new Emitter<number>();
    const heard: string[] = [];
    emitter.event((payload) => heard.push(`first ${payload}`));
    emitter.event((payload) => heard.push(`second ${payload}`));
    emitter.emit(1);
    emitter.emit(2);
    expect(heard).toEqual(['first 1', 'second 1', 'first 2', 'second 2']);
  });

  it('knows whether there is a listener', () => {
    const emitter = new Emitter<void>();
    expect(emitter.hasListeners).toBe(false);
    const subscription = emitter.event(() => undefined);
    expect(emitter.hasListeners).toBe(true);
    subscription[Symbol.dispose]();
    expect(emitter.hasListeners).toBe(false);
  });

  it('emits without a listener', () => {
    expect(() => new Emitter<number>().emit(1)).not.toThrow();
  });

  it('ends a subscription when it is disposed, and only once', () => {
    const emitter = new Emitter<number>();
    const heard: number[] = [];
    {
      using _subscription = emitter.event((payload) => heard.push(payload));
      emitter.emit(1);
    }
    emitter.emit(2);
    const other = emitter.event((payload) => heard.push(payload * 10));
    other[Symbol.dispose]();
    other[Symbol.dispose]();
    emitter.emit(3);
    expect(heard).toEqual([1]);
  });

  it('treats one listener that is subscribed twice as two subscriptions', () => {
    const emitter = new Emitter<number>();
    const heard: number[] = [];
    const listener = (payload: number): void => void heard.push(payload);
    const first = emitter.event(listener);
    emitter.event(listener);
    emitter.emit(1);
    first[Symbol.dispose]();
    emitter.emit(2);
    expect(heard).toEqual([1, 1, 2]);
  });

  it('reports a listener that throws as a process warning and goes on with the next', async () => {
    const emitter = new Emitter<string>();
    const heard: string[] = [];
    emitter.event(() => {
      throw new Error('the listener is broken');
    });
    emitter.event((payload) => heard.push(payload));
    const warned = once(process, 'warning') as Promise<[Error]>;
    emitter.emit('payload');
    expect(heard).toEqual(['payload']);
    const [warning] = await warned;
    expect(warning.name).toBe('GrpcManifoldWarning');
    expect(warning.message).toContain('the listener is broken');
  });

  it('still calls a listener that is disposed during the emit, and never again', () => {
    const emitter = new Emitter<number>();
    const heard: string[] = [];
    emitter.event((payload) => {
      heard.push(`disposer ${payload}`);
      doomed[Symbol.dispose]();
    });
    const doomed = emitter.event((payload) => heard.push(`doomed ${payload}`));
    emitter.event((payload) => heard.push(`last ${payload}`));
    emitter.emit(1);
    emitter.emit(2);
    expect(heard).toEqual(['disposer 1', 'doomed 1', 'last 1', 'disposer 2', 'last 2']);
  });

  it('lets a listener dispose itself, and subscribe another that hears the next payload only', () => {
    const emitter = new Emitter<number>();
    const heard: string[] = [];
    const self = emitter.event((payload) => {
      heard.push(`once ${payload}`);
      self[Symbol.dispose]();
      emitter.event((later) => heard.push(`new ${later}`));
    });
    emitter.event((payload) => heard.push(`other ${payload}`));
    emitter.emit(1);
    emitter.emit(2);
    expect(heard).toEqual(['once 1', 'other 1', 'other 2', 'new 2']);
  });
});
