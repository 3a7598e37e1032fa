import { status } from '@grpc/grpc-js';
import { explainedStatus } from '@grpc-manifold/core/internal';
import { InterceptedScene, settled, type ScriptedInnerCall } from '@grpc-manifold/testing';
import OpossumCircuit from 'opossum';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { circuitBreaker, type CircuitBreakerInterceptor } from './circuit-breaker.js';
import type { CircuitBreakerOptions } from './options.js';

const KEY = '/echo.Echo/Call';

/**
 * What opossum does to gRPC calls when it is put around them, each shown on opossum itself, and that a circuit here
 * does not do it. Those that show opossum also tell when a new version has changed.
 */
function setUp(options: CircuitBreakerOptions = {}): InterceptedScene<CircuitBreakerInterceptor> {
  return new InterceptedScene((environment) =>
    circuitBreaker({ volumeThreshold: 2, resetTimeoutMs: 1_000, probeTimeoutMs: 500, ...options }, environment),
  );
}

const state = ({ interceptor }: InterceptedScene<CircuitBreakerInterceptor>): unknown =>
  interceptor.states()[KEY]?.state;
const newest = ({ below }: InterceptedScene<CircuitBreakerInterceptor>): ScriptedInnerCall =>
  below.calls.at(-1) as ScriptedInnerCall;

function open(scene: InterceptedScene<CircuitBreakerInterceptor>): void {
  for (let count = 0; count < 2; count += 1) {
    scene.call();
    newest(scene).end(status.UNAVAILABLE);
  }
  expect(state(scene)).toBe('open');
}

const circuits: OpossumCircuit[] = [];
const never = (): Promise<never> => new Promise<never>(() => undefined);
const fails = (): Promise<never> => Promise.reject(new Error('no'));

function opossum(action: () => Promise<unknown>, options: OpossumCircuit.Options): OpossumCircuit {
  const circuit = new OpossumCircuit(action, options) as OpossumCircuit;
  circuits.push(circuit);
  return circuit;
}

afterEach(() => {
  for (const circuit of circuits.splice(0)) circuit.shutdown();
  vi.useRealTimers();
});

describe('capacity: what its semaphore rejects counts as a failure', () => {
  it('opens opossum on a healthy server', async () => {
    const circuit = opossum(never, { capacity: 1, timeout: false, volumeThreshold: 1 });
    void circuit.fire();
    for (let count = 0; count < 2; count += 1) await expect(circuit.fire()).rejects.toThrow('Semaphore locked');
    expect(circuit.opened).toBe(true);
  });

  it('does not open a circuit here: it limits nothing, and what a limit below it sheds does not count', () => {
    const scene = setUp();
    for (let count = 0; count < 100; count += 1) scene.call();
    expect(scene.below.running).toHaveLength(100);
    for (const call of scene.below.running) {
      const shed = explainedStatus(status.RESOURCE_EXHAUSTED, '', { refusedBy: 'limit' });
      call.end(shed.code, shed.details, shed.metadata);
    }
    expect(scene.interceptor.states()[KEY]).toEqual({ state: 'closed', calls: 0, failures: 0, errorRatio: 0 });
  });
});

describe('timeout: it frees the slot while the action runs', () => {
  it('lets opossum have more under way than its capacity', async () => {
    let running = 0;
    const circuit = opossum(() => (running++, never()), { capacity: 1, timeout: 1, errorThresholdPercentage: 100 });
    await expect(circuit.fire()).rejects.toThrow('Timed out');
    await expect(circuit.fire()).rejects.toThrow('Timed out');
    expect(running).toBe(2);
  });

  it('does not end a call here, whose deadline is its own', () => {
    const scene = setUp();
    const call = scene.call();
    scene.clock.advance(1e9);
    expect(call.events).toEqual([]);
    expect(scene.clock.pendingTimers).toBe(0);
    newest(scene).end();
    expect(call.code).toBe('OK');
  });
});

describe('errorFilter: what it filters counts as a success', () => {
  it('closes opossum by a probe that was cancelled', async () => {
    const circuit = opossum(fails, { timeout: false, resetTimeout: 0, errorFilter: () => circuit.halfOpen });
    await expect(circuit.fire()).rejects.toThrow('no');
    await new Promise((resolve) => circuit.on('halfOpen', resolve as () => void));
    await expect(circuit.fire()).rejects.toThrow('no');
    expect(circuit.closed).toBe(true);
  });

  it('leaves a circuit here half-open, and the next call is its probe', async () => {
    const scene = setUp();
    open(scene);
    scene.clock.advance(1_000);
    const probe = scene.call();
    probe.call.cancelWithStatus(status.CANCELLED, 'enough');
    await settled();
    expect(probe.code).toBe('CANCELLED');
    expect(state(scene)).toBe('half-open');
    const calls = scene.below.calls.length;
    scene.call();
    expect(scene.below.calls.length).toBe(calls + 1);
    newest(scene).end();
    expect(state(scene)).toBe('closed');
  });

  it('does not mix what is ignored into the ratio', () => {
    const scene = setUp();
    for (const code of [status.CANCELLED, status.CANCELLED, status.CANCELLED, status.UNAVAILABLE, status.UNAVAILABLE]) {
      scene.call();
      newest(scene).end(code);
    }
    expect(state(scene)).toBe('open');
  });
});

describe('abortController: one timeout aborts its siblings', () => {
  it('aborts what else opossum has under way', async () => {
    const abortController = new AbortController();
    const circuit = opossum(never, { timeout: 1, abortController });
    await expect(circuit.fire()).rejects.toThrow('Timed out');
    expect(abortController.signal.aborted).toBe(true);
  });

  it('leaves the siblings of a failed call here, and of a late probe, alone', () => {
    const scene = setUp();
    const sibling = scene.call();
    open(scene);
    scene.clock.advance(1_000);
    const probe = scene.call();
    scene.clock.advance(500);
    expect(state(scene)).toBe('open');
    for (const call of scene.below.running) {
      expect(call.log).not.toContainEqual(expect.stringMatching(/^cancel/));
      call.end();
    }
    expect([sibling.code, probe.code]).toEqual(['OK', 'OK']);
  });
});

describe('timeout: false: a probe that hangs locks it', () => {
  it('rejects everything in opossum for ever', async () => {
    vi.useFakeTimers();
    let action: () => Promise<unknown> = fails;
    const circuit = opossum(() => action(), { timeout: false, resetTimeout: 10 });
    await expect(circuit.fire()).rejects.toThrow('no');
    vi.advanceTimersByTime(10);
    action = never;
    void circuit.fire();
    vi.advanceTimersByTime(60_000);
    await expect(circuit.fire()).rejects.toThrow('Breaker is open');
    expect(circuit.halfOpen).toBe(true);
  });

  it('opens a circuit here again, and another probe has its turn', () => {
    const scene = setUp();
    open(scene);
    scene.clock.advance(1_000);
    scene.call();
    scene.clock.advance(500);
    expect(state(scene)).toBe('open');
    scene.clock.advance(1_000);
    scene.call();
    newest(scene).end();
    expect(state(scene)).toBe('closed');
  });
});

describe('healthCheck: it ticks after a shutdown', () => {
  it('goes on in opossum', async () => {
    vi.useFakeTimers();
    let checks = 0;
    const circuit = opossum(never, {});
    circuit.healthCheck(() => Promise.resolve(void (checks += 1)), 10);
    circuit.shutdown();
    vi.advanceTimersByTime(100);
    expect(checks).toBe(11);
    vi.clearAllTimers();
  });

  it('is not used here: no timer is left, of the clock or of the system', () => {
    vi.useFakeTimers();
    const scene = setUp({ slowCallMs: 10 });
    open(scene);
    expect(scene.clock.pendingTimers).toBe(1);
    scene.clock.advance(1_000);
    scene.call();
    expect(scene.clock.pendingTimers).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
    scene.interceptor[Symbol.dispose]();
    expect(scene.clock.pendingTimers).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('options: they are stored and changed', () => {
  it('writes into the object that opossum is given', () => {
    const options: OpossumCircuit.Options = {};
    opossum(never, options);
    expect(options).toMatchObject({ timeout: 10_000, resetTimeout: 30_000 });
  });

  it('leaves the options here as they are, and is not changed by them', () => {
    const options: CircuitBreakerOptions = Object.freeze({ volumeThreshold: 2 });
    const given = { ...options };
    const scene = new InterceptedScene((environment) => circuitBreaker(given, environment));
    (given as { volumeThreshold: number }).volumeThreshold = 100;
    open(scene);
    expect(given).toEqual({ volumeThreshold: 100 });
  });
});

describe('half-open: it admits one probe', () => {
  it('rejects in opossum what comes beside it', async () => {
    vi.useFakeTimers();
    const circuit = opossum(fails, { timeout: false, resetTimeout: 10 });
    await expect(circuit.fire()).rejects.toThrow('no');
    vi.advanceTimersByTime(10);
    const probe = circuit.fire();
    await expect(circuit.fire()).rejects.toThrow('Breaker is open');
    await expect(probe).rejects.toThrow('no');
  });

  it('refuses here what comes beside it, by its status, and says so', async () => {
    const scene = setUp();
    open(scene);
    scene.clock.advance(1_000);
    scene.call();
    const calls = scene.below.calls.length;
    const beside = scene.call();
    expect(beside.events).toEqual([]);
    await settled();
    expect(beside.code).toBe('UNAVAILABLE');
    expect(beside.ending.details).toMatch(/half-open.*a probe is under way$/);
    expect(scene.below.calls.length).toBe(calls);
  });
});

describe('the window: it keeps a number for each call of it', () => {
  it('grows in opossum, though nobody wants percentiles', async () => {
    const circuit = opossum(() => Promise.resolve(), { rollingPercentilesEnabled: false });
    await Promise.all(Array.from({ length: 5_000 }, () => circuit.fire()));
    expect(circuit.status.window[0]?.latencyTimes.length).toBe(5_000);
  });
});
