import { setImmediate as turn } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import type { ChannelFactory } from '@grpc-manifold/core';
import { FakeClock, ScriptedChannel } from '@grpc-manifold/testing';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ChannelPoolRegistry, type PoolLease } from './channel-pool-registry.js';
import type { ChannelPoolRegistryOptions } from './registry-options.js';

const INSECURE = credentials.createInsecure();
const registries: ChannelPoolRegistry[] = [];

function registryWith(options?: ChannelPoolRegistryOptions): { registry: ChannelPoolRegistry; clock: FakeClock } {
  const clock = new FakeClock();
  const registry = new ChannelPoolRegistry(options, { clock });
  registries.push(registry);
  return { registry, clock };
}

/** A target that nobody serves; pools connect to nothing before their first call. */
const target = (number: number): string => `ipv4:127.0.0.1:${number}`;
const isOpen = (lease: PoolLease): boolean => lease.pool.stats().state !== 'SHUTDOWN';

/** Takes a lease of each target in turn and gives it back. */
function visit(registry: ChannelPoolRegistry, ...numbers: number[]): PoolLease[] {
  return numbers.map((number) => {
    const lease = registry.acquire(target(number), INSECURE);
    lease[Symbol.dispose]();
    return lease;
  });
}

afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(registries.splice(0).map((registry) => registry[Symbol.asyncDispose]()));
});

describe('ChannelPoolRegistry', () => {
  describe('lends', () => {
    it('one pool to all who name the same target and credentials', () => {
      const { registry } = registryWith();
      const [first, second] = [registry.acquire(target(1), INSECURE), registry.acquire(target(1), INSECURE)];
      expect(first.pool).toBe(second.pool);
      expect(registry.stats()).toEqual({ pools: 1, leases: 2, channels: 0, idleChannels: 0 });
      expect(Object.isFrozen(registry.stats())).toBe(true);
    });

    it('another pool for another target', () => {
      const { registry } = registryWith();
      expect(registry.acquire(target(1), INSECURE).pool).not.toBe(registry.acquire(target(2), INSECURE).pool);
    });

    it('another pool for other credentials, unless both have the same key', () => {
      const { registry } = registryWith();
      const [first, second] = [credentials.createSsl(), credentials.createSsl()];
      expect(registry.acquire('a', first).pool).not.toBe(registry.acquire('a', second).pool);
      expect(registry.acquire('a', first, 'tls').pool).toBe(registry.acquire('a', second, 'tls').pool);
      expect(registry.acquire('a', first, 'tls').pool).not.toBe(registry.acquire('b', first, 'tls').pool);
      expect(registry.acquire('a', first, 'tls').pool).not.toBe(registry.acquire('a', first, 'other').pool);
      expect(registry.stats().pools).toBe(5);
    });

    it('the pool that was used before, while that is kept', () => {
      const { registry } = registryWith();
      const [before] = visit(registry, 1);
      expect(registry.acquire(target(1), INSECURE).pool).toBe(before?.pool);
    });

    it('pools made by its options', () => {
      const { registry } = registryWith({ maxChannels: 3, channelOptions: { 'grpc.primary_user_agent': 'x' } });
      expect(registry.acquire(target(1), INSECURE).pool.getTarget()).toBe(target(1));
    });

    it('no pool whose channels cannot be made, and keeps none of it', () => {
      const make: ChannelFactory = (_target, _credentials, _options, { id }) => new ScriptedChannel(id);
      const check: ChannelFactory['check'] = (given) => {
        if (given === target(1)) throw new TypeError(`no channels to ${given}`);
      };
      const { registry } = registryWith({ channelFactory: Object.assign(make, { check }) });
      for (let times = 0; times < 2; times += 1) {
        expect(() => registry.acquire(target(1), INSECURE)).toThrow(`no channels to ${target(1)}`);
      }
      expect(registry.stats()).toMatchObject({ pools: 0, leases: 0 });
      registry.acquire(target(2), INSECURE);
      expect(registry.stats()).toMatchObject({ pools: 1, leases: 1 });
    });
  });

  describe('takes a lease back', () => {
    it('once, however often it is disposed', () => {
      const { registry } = registryWith();
      const [first, second] = [registry.acquire(target(1), INSECURE), registry.acquire(target(1), INSECURE)];
      for (let times = 0; times < 3; times += 1) first[Symbol.dispose]();
      expect(registry.stats()).toMatchObject({ leases: 1, pools: 1 });
      registry.closeIdle();
      expect(isOpen(second)).toBe(true);
      second[Symbol.dispose]();
      expect(registry.stats()).toMatchObject({ leases: 0, pools: 1 });
    });

    it('of a pool that was closed and made anew, without a mistake about the new one', () => {
      const { registry } = registryWith({ maxIdleChannels: 0 });
      const [old] = visit(registry, 1);
      const lease = registry.acquire(target(1), INSECURE);
      old?.[Symbol.dispose]();
      expect(lease.pool).not.toBe(old?.pool);
      expect(registry.stats()).toMatchObject({ leases: 1, pools: 1 });
    });

    it('also after the registry is gone', async () => {
      const { registry } = registryWith();
      const lease = registry.acquire(target(1), INSECURE);
      await registry[Symbol.asyncDispose]();
      lease[Symbol.dispose]();
      expect(registry.stats()).toEqual({ pools: 0, leases: 0, channels: 0, idleChannels: 0 });
    });
  });

  describe('closes pools without a lease', () => {
    it('after idleTimeoutMs, each at its own moment', () => {
      const { registry, clock } = registryWith({ idleTimeoutMs: 1_000 });
      const [first] = visit(registry, 1) as [PoolLease];
      clock.advance(400);
      const [second] = visit(registry, 2) as [PoolLease];
      clock.advance(599);
      expect([first, second].map(isOpen)).toEqual([true, true]);
      clock.advance(1);
      expect([first, second].map(isOpen)).toEqual([false, true]);
      clock.advance(400);
      expect([first, second].map(isOpen)).toEqual([false, false]);
      expect(registry.stats().pools).toBe(0);
    });

    it('90 s after their last lease, when nothing is said', () => {
      const { registry, clock } = registryWith();
      const [lease] = visit(registry, 1) as [PoolLease];
      clock.advance(89_999);
      expect(isOpen(lease)).toBe(true);
      clock.advance(1);
      expect(isOpen(lease)).toBe(false);
    });

    it('counting anew from the last lease', () => {
      const { registry, clock } = registryWith({ idleTimeoutMs: 1_000 });
      const [lease] = visit(registry, 1) as [PoolLease];
      clock.advance(900);
      visit(registry, 1);
      clock.advance(999);
      expect(isOpen(lease)).toBe(true);
      clock.advance(1);
      expect(isOpen(lease)).toBe(false);
    });

    it('never by time with idleTimeoutMs Infinity', () => {
      const { registry, clock } = registryWith({ idleTimeoutMs: Infinity });
      const [lease] = visit(registry, 1) as [PoolLease];
      clock.advance(1e9);
      expect(isOpen(lease)).toBe(true);
      expect(clock.pendingTimers).toBe(0);
    });

    it('with one timer that does not hold the process, and none while every pool is in use', () => {
      const { registry, clock } = registryWith();
      visit(registry, 1, 2, 3);
      expect([clock.pendingTimers, clock.refdTimers]).toEqual([1, 0]);
      const leases = [1, 2, 3].map((number) => registry.acquire(target(number), INSECURE));
      expect(clock.pendingTimers).toBe(0);
      clock.advance(1e9);
      expect(leases.map(isOpen)).toEqual([true, true, true]);
    });

    it('beyond maxIdleChannels, the least recently used first', () => {
      const { registry } = registryWith({ maxIdleChannels: 2 });
      const leases = visit(registry, 1, 2, 1, 3);
      expect(leases.map(isOpen)).toEqual([true, false, true, true]);
      expect(registry.stats().pools).toBe(2);
    });

    it('beyond maxIdleChannelsPerTarget, whatever room others leave', () => {
      const { registry } = registryWith({ maxIdleChannelsPerTarget: 2 });
      const keyed = ['a', 'b', 'c'].map((key) => registry.acquire(target(1), INSECURE, key));
      const [elsewhere] = visit(registry, 2) as [PoolLease];
      for (const lease of keyed) lease[Symbol.dispose]();
      expect(keyed.map(isOpen)).toEqual([false, true, true]);
      expect(isOpen(elsewhere)).toBe(true);
    });

    it('at once with a bound of 0, but never one that is lent', () => {
      const { registry } = registryWith({ maxIdleChannels: 0 });
      const [first, second] = [registry.acquire(target(1), INSECURE), registry.acquire(target(1), INSECURE)];
      first[Symbol.dispose]();
      expect(isOpen(second)).toBe(true);
      second[Symbol.dispose]();
      expect(isOpen(second)).toBe(false);
      expect(registry.stats()).toMatchObject({ pools: 0, leases: 0 });
    });

    it('when it is told to, and only those', () => {
      const { registry } = registryWith();
      const lent = registry.acquire(target(1), INSECURE);
      const idle = visit(registry, 2, 3);
      registry.closeIdle();
      expect([isOpen(lent), ...idle.map(isOpen)]).toEqual([true, false, false]);
      registry.closeIdle();
    });

    it('keeping nothing of a thousand targets', () => {
      const { registry } = registryWith({ maxIdleChannels: 5 });
      for (let port = 1; port <= 1_000; port += 1) visit(registry, port);
      expect(registry.stats()).toMatchObject({ pools: 5, leases: 0 });
    });
  });

  describe('keeps its pools to itself', () => {
    it('so that no lease can close one for the others', async () => {
      const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const { registry } = registryWith();
      const { pool } = registry.acquire(target(1), INSECURE);
      pool.close();
      pool.close();
      expect(warned).toHaveBeenCalledExactlyOnceWith(
        expect.stringContaining('dispose the lease instead'),
        'GrpcManifoldWarning',
      );
      await expect(pool.drain()).rejects.toThrow('dispose the lease instead');
      await expect(pool.destroy()).rejects.toThrow('dispose the lease instead');
      await expect(pool[Symbol.asyncDispose]()).rejects.toThrow('dispose the lease instead');
      expect(pool.stats().state).toBe('IDLE');
    });

    it('also from a client that has one for its channel', () => {
      vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const { registry } = registryWith();
      const lease = registry.acquire(target(1), INSECURE);
      new Client('x', INSECURE, { channelOverride: lease.pool }).close();
      expect(isOpen(lease)).toBe(true);
    });
  });

  describe('once disposed', () => {
    it('has closed every pool, lent or not, and waited for those that were closing', async () => {
      const { registry, clock } = registryWith({ maxIdleChannels: 1 });
      const lent = registry.acquire(target(1), INSECURE);
      const idle = visit(registry, 2, 3);
      const disposed = registry[Symbol.asyncDispose]();
      expect(registry[Symbol.asyncDispose]()).toBe(disposed);
      await disposed;
      expect([lent, ...idle].map(isOpen)).toEqual([false, false, false]);
      expect(registry.stats()).toMatchObject({ pools: 0, channels: 0 });
      expect(clock.pendingTimers).toBe(0);
    });

    it('lends nothing more, and says so', async () => {
      const { registry } = registryWith();
      await registry[Symbol.asyncDispose]();
      expect(() => registry.acquire(target(1), INSECURE)).toThrow(
        "ChannelPoolRegistry: it is disposed and lends no pool for 'ipv4:127.0.0.1:1'",
      );
      registry.closeIdle();
    });

    it('tells of a pool that could not be closed, and closes the others', async () => {
      const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
      const { registry } = registryWith();
      const [first, second] = [registry.acquire(target(1), INSECURE), registry.acquire(target(2), INSECURE)];
      const dispose = first.pool[Symbol.asyncDispose].bind(first.pool);
      vi.spyOn(first.pool, Symbol.asyncDispose).mockImplementation(async () => {
        await dispose();
        throw new Error('no');
      });
      await registry[Symbol.asyncDispose]();
      expect(isOpen(second)).toBe(false);
      expect(warned).toHaveBeenCalledWith(expect.stringContaining('could not be closed: Error: no'), expect.anything());
    });
  });

  it('is disposed while idle pools still close, and waits a turn for them', async () => {
    const { registry } = registryWith();
    visit(registry, 1);
    registry.closeIdle();
    await registry[Symbol.asyncDispose]();
    await turn();
    expect(registry.stats()).toEqual({ pools: 0, leases: 0, channels: 0, idleChannels: 0 });
  });

  it.each([
    [[5, INSECURE], 'target must be a string, got 5'],
    [['a', {}], 'credentials must be ChannelCredentials'],
    [['a', INSECURE, 5], 'credentialsKey must be a string, got 5'],
  ])('refuses to lend for %o', (args, message) => {
    const { registry } = registryWith();
    expect(() => registry.acquire(...(args as Parameters<ChannelPoolRegistry['acquire']>))).toThrow(
      new RegExp(`^ChannelPoolRegistry: ${message}`),
    );
    expect(registry.stats().pools).toBe(0);
  });

  it.each([
    [
      { maxIdleChannels: -1 },
      'ChannelPoolRegistry: maxIdleChannels must be a number of at least 0, or Infinity, got -1',
    ],
    [{ maxIdleChannelsPerTarget: 1.5 }, 'ChannelPoolRegistry: maxIdleChannelsPerTarget must be a whole number'],
    [{ idleTimeoutMs: '1s' }, 'ChannelPoolRegistry: idleTimeoutMs must be a number'],
    [{ maxIdle: 1 }, "ChannelPoolRegistry: unknown option 'maxIdle'"],
    [{ maxChannels: 0 }, 'ChannelPool: maxChannels must be'],
  ])('refuses %o with words of its own', (options, message) => {
    expect(() => new ChannelPoolRegistry(options as never)).toThrow(message);
  });
});
