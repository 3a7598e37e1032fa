import { EventEmitter } from 'node:events';
import { InterceptorConfigurationError, status, type InterceptorOptions, type ServerUnaryCall } from '@grpc/grpc-js';
import { explain, type CallInfo } from '@grpc-manifold/core';
import { explainedStatus } from '@grpc-manifold/core/internal';
import { InterceptedScene, settled, type ScriptedInnerCall } from '@grpc-manifold/testing';
import { describe, expect, it, vi } from 'vitest';
import { circuitBreaker, type CircuitBreakerInterceptor } from './circuit-breaker.js';
import type { CircuitBreakerOptions } from './options.js';
import type { BreakerStates } from './states.js';

type Scene = InterceptedScene<CircuitBreakerInterceptor>;

const KEY = '/echo.Echo/Call';
const KINDS = ['unary', 'server-stream', 'client-stream', 'bidi'] as const;
const byTenant = ({ metadata }: CallInfo): string => String(metadata.get('tenant')[0] ?? 'nobody');

function setUp(options: CircuitBreakerOptions = {}): Scene {
  return new InterceptedScene((environment) => circuitBreaker({ volumeThreshold: 2, ...options }, environment));
}

const newest = ({ below }: Scene): ScriptedInnerCall => below.calls.at(-1) as ScriptedInnerCall;

function open(scene: Scene, metadata: Record<string, string> = {}): void {
  for (let count = 0; count < 2; count += 1) {
    scene.call({ metadata });
    newest(scene).end(status.UNAVAILABLE);
  }
}

function carried(call: ScriptedInnerCall, channelId: number, code: status): void {
  const made = explainedStatus(code, '', { channelId });
  call.end(made.code, made.details, made.metadata);
}

describe('a call that gets through', () => {
  it.each(KINDS)('reaches what is below as it was asked for: %s', async (kind) => {
    const scene = setUp();
    const call = scene.call({ kind, host: 'other', metadata: { name: 'value' } });
    call.call.startRead();
    if (kind === 'client-stream' || kind === 'bidi') {
      call.call.sendMessageWithContext({}, 'hello' as never);
      call.call.halfClose();
    }
    const below = newest(scene);
    expect(below.options.host).toBe('other');
    expect(below.metadata?.getMap()).toEqual({ name: 'value' });
    expect([...below.log].sort()).toEqual(['half-close', 'read', 'send hello', 'start']);
    below.sendMetadata();
    below.send('answer');
    below.end(status.NOT_FOUND, 'nothing there');
    expect(call.events).toEqual(['metadata', 'message answer', 'NOT_FOUND']);
    expect(call.ending.details).toBe('nothing there');
    expect(call.call.getPeer()).toBe('peer of the call below');
    expect(call.call.getAuthContext()).toBeNull();
    await settled();
  });

  it('hands on the status that it was given, the object itself', () => {
    const scene = setUp();
    const call = scene.call();
    const made = explainedStatus(status.UNAVAILABLE, 'lost', { channelId: 7 });
    newest(scene).end(made.code, made.details, made.metadata);
    expect(explain(call.ending)).toEqual({ channelId: 7, from: 'object' });
  });

  it('is cancelled below, at once', async () => {
    const scene = setUp();
    const call = scene.call();
    call.call.cancelWithStatus(status.CANCELLED, 'enough');
    expect(newest(scene).log.at(-1)).toBe('cancel CANCELLED: enough');
    await settled();
    expect(call.code).toBe('CANCELLED');
  });

  it('is not counted when its caller ends it, by whatever status', async () => {
    const scene = setUp();
    for (let count = 0; count < 9; count += 1) scene.call().call.cancelWithStatus(status.INTERNAL, 'too late');
    await settled();
    expect(scene.interceptor.states()[KEY]).toMatchObject({ state: 'closed', calls: 0 });
  });

  it('holds what it is asked before its start, in order, and then carries it out', () => {
    const scene = setUp();
    const call = scene.create({ kind: 'bidi' });
    const taken: string[] = [];
    call.call.startRead();
    for (const text of ['a', 'b']) {
      call.call.sendMessageWithContext({ callback: () => taken.push(text) }, text as never);
    }
    call.call.halfClose();
    expect(call.call.getPeer()).toBe('unknown');
    expect(call.call.getAuthContext()).toBeNull();
    expect(scene.below.calls).toEqual([]);
    call.start();
    expect(newest(scene).log).toEqual(['start', 'read', 'send a', 'send b', 'half-close']);
    expect(taken).toEqual(['a', 'b']);
  });

  it('answers writes that come after its status', async () => {
    const scene = setUp();
    const call = scene.call({ kind: 'bidi' });
    newest(scene).end();
    let isTaken = false;
    call.call.sendMessageWithContext({ callback: () => (isTaken = true) }, 'late' as never);
    await settled();
    expect(isTaken).toBe(true);
    expect(newest(scene).messages).toEqual([]);
  });

  it('may be ended within its start', async () => {
    const scene = setUp();
    scene.below.onStart = (below) => below.end(status.UNAVAILABLE);
    const call = scene.create({ kind: 'bidi' });
    let isTaken = false;
    call.call.startRead();
    call.call.sendMessageWithContext({ callback: () => (isTaken = true) }, 'a' as never);
    call.call.halfClose();
    call.start();
    expect(call.code).toBe('UNAVAILABLE');
    expect(newest(scene).log).toEqual(['start']);
    await settled();
    expect(isTaken).toBe(true);
    expect(scene.interceptor.states()[KEY]).toMatchObject({ calls: 1, failures: 1 });
  });

  it('meets what is thrown below as it would without a breaker, which is none the worse for it', () => {
    const scene = setUp({ resetTimeoutMs: 10 });
    open(scene);
    scene.clock.advance(10);
    scene.below.broken = new Error('closed');
    expect(() => scene.call()).toThrow('closed');
    scene.below.broken = undefined;
    scene.below.onStart = () => {
      throw new Error('no start');
    };
    expect(() => scene.call()).toThrow('no start');
    scene.below.onStart = () => undefined;
    scene.call();
    newest(scene).end();
    expect(scene.interceptor.states()[KEY]?.state).toBe('closed');
  });
});

describe('a call that is refused', () => {
  it.each(KINDS)('has its status later, once, and nothing is made below: %s', async (kind) => {
    const scene = setUp();
    open(scene);
    const calls = scene.below.calls.length;
    const call = scene.call({ kind });
    let isTaken = false;
    call.call.startRead();
    call.call.sendMessageWithContext({ callback: () => (isTaken = true) }, 'hello' as never);
    call.call.halfClose();
    expect(call.events).toEqual([]);
    call.call.cancelWithStatus(status.CANCELLED, 'never mind');
    await settled();
    expect(call.code).toBe('UNAVAILABLE');
    expect(isTaken).toBe(true);
    expect(scene.below.calls.length).toBe(calls);
  });

  it('is told why, in words and structured', async () => {
    const scene = setUp();
    for (const code of [status.OK, status.UNAVAILABLE]) {
      scene.call();
      newest(scene).end(code);
    }
    scene.clock.advance(1_500);
    const call = scene.call();
    await settled();
    expect(call.ending.details).toBe(
      `Refused before it was sent, breaker: the circuit of ${KEY} is open, it opened at 50.0 % failed calls; ` +
        'the next probe is due in 28500 ms',
    );
    expect(explain(call.ending)).toEqual({
      from: 'object',
      refusedBy: 'breaker',
      breaker: { key: KEY, state: 'open', errorRatio: 0.5, nextProbeMs: 28_500 },
    });
    expect(JSON.parse(JSON.stringify(explain(call.ending)))).toEqual(explain(call.ending));
  });

  it('is told of slow calls, where it is said what is slow', async () => {
    const scene = setUp({ slowCallMs: 10 });
    for (let count = 0; count < 2; count += 1) {
      scene.call();
      scene.clock.advance(20);
      newest(scene).end();
    }
    const call = scene.call();
    await settled();
    expect(call.ending.details).toContain('is open, it opened at 0.0 % failed and 100.0 % slow calls; ');
    expect(explain(call.ending)?.breaker).toMatchObject({ errorRatio: 0, slowRatio: 1 });
  });

  it('does not count in a breaker above', async () => {
    const scene = setUp();
    const outer = circuitBreaker({ volumeThreshold: 1 }, { clock: scene.clock });
    open(scene);
    const options = { method_definition: { path: '/a/b' } } as unknown as InterceptorOptions;
    const statuses: status[] = [];
    const call = outer(options, () => scene.create({}).call as never);
    call.start(explainedStatus(status.OK, '', {}).metadata, {
      onReceiveMetadata: () => undefined,
      onReceiveMessage: () => undefined,
      onReceiveStatus: ({ code }) => statuses.push(code),
    });
    await settled();
    expect(statuses).toEqual([status.UNAVAILABLE]);
    expect(outer.states()['/a/b']).toMatchObject({ state: 'closed', calls: 0 });
  });
});

describe('a call that is cancelled before its start', () => {
  it('has its status once it is started, and is not seen below', async () => {
    const scene = setUp();
    const call = scene.create();
    call.call.cancelWithStatus(status.CANCELLED, 'changed my mind');
    call.call.cancelWithStatus(status.CANCELLED, 'again');
    call.start();
    expect(call.events).toEqual([]);
    await settled();
    expect([call.code, call.ending.details]).toEqual(['CANCELLED', 'changed my mind']);
    expect(scene.below.calls).toEqual([]);
  });
});

describe('a probe whose cancel is lost below', () => {
  it('gives its place back', async () => {
    const scene = setUp({ resetTimeoutMs: 10 });
    open(scene);
    scene.clock.advance(10);
    scene.below.losesCancels = true;
    scene.call().call.cancelWithStatus(status.CANCELLED, 'enough');
    scene.call();
    newest(scene).end();
    expect(scene.interceptor.states()[KEY]?.state).toBe('closed');
    await settled();
  });
});

describe('keys', () => {
  it('keep the calls of one from those of another', () => {
    const scene = setUp({ key: byTenant });
    open(scene, { tenant: 'a' });
    scene.call({ metadata: { tenant: 'b' } });
    newest(scene).end();
    expect(scene.interceptor.states()).toEqual({
      a: expect.objectContaining({ state: 'open' }),
      b: expect.objectContaining({ state: 'closed', calls: 1 }),
    });
  });

  it('are made of all that is known of a call', () => {
    const seen: CallInfo[] = [];
    const scene = setUp({ key: (call) => String(seen.push(call)) });
    const parent = Object.assign(new EventEmitter(), { cancelled: false, getDeadline: () => 5_000 });
    scene.call({
      kind: 'bidi',
      deadline: 9_000,
      parent: parent as unknown as ServerUnaryCall<unknown, unknown>,
      host: 'h',
    });
    expect(seen).toEqual([{ method: KEY, kind: 'bidi', deadline: 5_000, host: 'h', metadata: newest(scene).metadata }]);
  });

  it.each([
    ['throws', () => { throw new Error('no idea'); }], // prettier-ignore
    ['gives no string', () => 5 as unknown as string],
  ])('are the methods, where the function %s, with one warning', async (_what, key) => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const scene = setUp({ key });
    open(scene);
    expect(Object.keys(scene.interceptor.states())).toEqual([KEY]);
    expect(warnings).toHaveBeenCalledTimes(1);
    warnings.mockRestore();
  });

  it('may be any string', () => {
    const keys = ['', '__proto__', 'constructor', 'toString', '1', 'ü'];
    const key = (call: CallInfo): string => decodeURIComponent(byTenant(call));
    const scene = setUp({ key });
    for (const tenant of keys) open(scene, { tenant: encodeURIComponent(tenant) });
    const states = scene.interceptor.states();
    expect(Object.keys(states).sort()).toEqual([...keys].sort());
    expect(setUp({ key, restore: states }).interceptor.states()).toEqual(states);
  });

  it('are bounded: the closed one that was not asked for longest is forgotten', () => {
    const scene = setUp({ key: byTenant, maxKeys: 3 });
    open(scene, { tenant: 'open' });
    for (const tenant of ['a', 'b', 'a', 'a', 'c', 'c']) {
      scene.call({ metadata: { tenant } });
      newest(scene).end();
    }
    expect(Object.keys(scene.interceptor.states()).sort()).toEqual(['a', 'c', 'open']);
  });

  it('have nothing to say of a call whose circuit was forgotten', () => {
    const scene = setUp({ key: byTenant, maxKeys: 1, volumeThreshold: 1 });
    scene.call({ metadata: { tenant: 'a' } });
    const first = newest(scene);
    scene.call({ metadata: { tenant: 'b' } });
    first.end(status.UNAVAILABLE);
    expect(scene.interceptor.states()).toEqual({ b: { state: 'closed', calls: 0, failures: 0, errorRatio: 0 } });
    expect(scene.clock.pendingTimers).toBe(0);
  });

  it('are not judged when there is no closed one to forget, with one warning', () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const scene = setUp({ key: byTenant, maxKeys: 2 });
    for (const tenant of ['a', 'b', 'c', 'd']) open(scene, { tenant });
    scene.call({ metadata: { tenant: 'c' } });
    expect(scene.below.running).toHaveLength(1);
    expect(Object.keys(scene.interceptor.states())).toEqual(['a', 'b']);
    expect(warnings).toHaveBeenCalledTimes(1);
    warnings.mockRestore();
  });
});

describe('isFailure', () => {
  it('is asked of what the server said, and of OK', () => {
    const asked: status[] = [];
    const scene = setUp({ isFailure: ({ code }) => asked.push(code) < 0 });
    for (const code of [status.OK, status.CANCELLED, status.RESOURCE_EXHAUSTED]) {
      scene.call();
      newest(scene).end(code);
    }
    expect(asked).toEqual([status.OK, status.RESOURCE_EXHAUSTED]);
  });

  it('is replaced by the default where it throws, with one warning', () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const scene = setUp({
      isFailure: () => {
        throw new Error('no idea');
      },
    });
    open(scene);
    expect(scene.interceptor.states()[KEY]?.state).toBe('open');
    expect(warnings).toHaveBeenCalledTimes(1);
    warnings.mockRestore();
  });

  it.each([
    ['UNAVAILABLE', 1],
    ['DEADLINE_EXCEEDED', 1],
    ['INTERNAL', 1],
    ['UNKNOWN', 1],
    ['DATA_LOSS', 1],
    ['OK', 0],
    ['RESOURCE_EXHAUSTED', 0],
    ['NOT_FOUND', 0],
    ['UNAUTHENTICATED', 0],
    ['ABORTED', 0],
    ['UNIMPLEMENTED', 0],
  ] as const)('by default takes %s for %i failure', (code, failures) => {
    const scene = setUp();
    scene.call();
    newest(scene).end(status[code]);
    expect(scene.interceptor.states()[KEY]).toMatchObject({ calls: 1, failures });
  });
});

describe('a pool with healthy members', () => {
  function play(scene: Scene, channelId: number, code: status, times = 1): void {
    for (let count = 0; count < times; count += 1) {
      scene.call();
      carried(newest(scene), channelId, code);
    }
  }
  const state = (scene: Scene): unknown => scene.interceptor.states()[KEY]?.state;

  it('does not open the circuit by the failures of one of them', () => {
    const scene = setUp();
    play(scene, 2, status.OK, 5);
    play(scene, 1, status.UNAVAILABLE, 500);
    expect(state(scene)).toBe('closed');
    expect(scene.interceptor.states()[KEY]).toMatchObject({ calls: 505, failures: 500 });
  });

  it('opens it as soon as the others fail too', () => {
    const scene = setUp();
    play(scene, 2, status.OK, 5);
    play(scene, 1, status.UNAVAILABLE, 50);
    play(scene, 2, status.UNAVAILABLE, 4);
    expect(state(scene)).toBe('closed');
    play(scene, 2, status.UNAVAILABLE);
    expect(state(scene)).toBe('open');
  });

  it('opens it when every member fails from the start', () => {
    const scene = setUp({ volumeThreshold: 4 });
    for (const id of [1, 2, 1, 2]) play(scene, id, status.UNAVAILABLE);
    expect(state(scene)).toBe('open');
  });

  it('opens it when the only member fails', () => {
    const scene = setUp();
    play(scene, 1, status.UNAVAILABLE, 2);
    expect(state(scene)).toBe('open');
  });

  it('opens it when calls fail that no member has carried', () => {
    const scene = setUp();
    play(scene, 1, status.UNAVAILABLE, 1);
    open(scene);
    expect(state(scene)).toBe('open');
  });

  it('takes those for failures of the others', () => {
    const scene = setUp();
    play(scene, 2, status.OK, 5);
    play(scene, 1, status.UNAVAILABLE, 5);
    open(scene);
    open(scene);
    expect(state(scene)).toBe('closed');
    scene.call();
    newest(scene).end(status.UNAVAILABLE);
    expect(state(scene)).toBe('open');
  });

  it('forgets members when it closes', () => {
    const scene = setUp();
    for (const id of [1, 2]) play(scene, id, status.UNAVAILABLE);
    expect(state(scene)).toBe('open');
    scene.clock.advance(30_000);
    play(scene, 2, status.OK);
    expect(state(scene)).toBe('closed');
    play(scene, 2, status.OK);
    play(scene, 1, status.UNAVAILABLE, 9);
    expect(state(scene)).toBe('closed');
  });

  it('forgets members with the window', () => {
    const scene = setUp();
    play(scene, 2, status.OK, 5);
    scene.clock.advance(10_000);
    play(scene, 1, status.UNAVAILABLE, 2);
    expect(state(scene)).toBe('open');
  });

  it('does not open it by the slow calls of one of them', () => {
    const scene = setUp({ slowCallMs: 10 });
    play(scene, 2, status.OK, 3);
    for (let count = 0; count < 9; count += 1) {
      scene.call();
      scene.clock.advance(20);
      carried(newest(scene), 1, status.OK);
    }
    expect(state(scene)).toBe('closed');
    for (let count = 0; count < 9; count += 1) {
      scene.call();
      scene.clock.advance(20);
      carried(newest(scene), 2, status.OK);
      if (state(scene) === 'open') return;
    }
    expect.unreachable('all of them are slow');
  });
});

describe('states', () => {
  it('are frozen plain data', () => {
    const scene = setUp({ slowCallMs: 10 });
    open(scene);
    scene.clock.advance(100);
    const states = scene.interceptor.states();
    expect(states).toEqual({
      [KEY]: {
        state: 'open',
        calls: 2,
        failures: 2,
        errorRatio: 1,
        slowRatio: 0,
        openedAt: 1e6,
        nextProbeAt: 1e6 + 30_000,
      },
    });
    expect(Object.isFrozen(states) && Object.isFrozen(states[KEY])).toBe(true);
    expect(JSON.parse(JSON.stringify(states))).toEqual(states);
    scene.clock.advance(30_000);
    expect(scene.interceptor.states()[KEY]).toEqual({
      state: 'half-open', calls: 2, failures: 2, errorRatio: 1, slowRatio: 0, openedAt: 1e6,
    }); // prettier-ignore
  });

  it('are none before the first call', () => {
    expect(setUp().interceptor.states()).toEqual({});
  });
});

describe('onStateChange', () => {
  it('tells of a change, within the call that brought it about, and bears listeners that throw', () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const scene = setUp();
    const changes: unknown[] = [];
    scene.interceptor.onStateChange(() => {
      throw new Error('broken');
    });
    const subscription = scene.interceptor.onStateChange((change) => changes.push(change));
    open(scene);
    expect(changes).toEqual([{ key: KEY, from: 'closed', to: 'open', reason: 'failed-calls', errorRatio: 1 }]);
    subscription[Symbol.dispose]();
    scene.clock.advance(30_000);
    expect(changes).toHaveLength(1);
    warnings.mockRestore();
  });

  it('may be the end of the breaker', async () => {
    for (const at of ['open', 'half-open', 'closed']) {
      const scene = setUp({ resetTimeoutMs: 10, slowCallMs: 5 });
      scene.interceptor.onStateChange(({ to }) => {
        if (to === at) scene.interceptor[Symbol.dispose]();
      });
      open(scene);
      scene.clock.advance(10);
      const last = scene.call();
      newest(scene).end();
      expect(last.code).toBe('OK');
      expect(scene.clock.pendingTimers).toBe(0);
      expect(scene.interceptor.states()).toEqual({});
    }
    await settled();
  });
});

describe('restore', () => {
  const opened = (): BreakerStates => {
    const scene = setUp({ key: byTenant });
    open(scene, { tenant: 'a' });
    scene.call({ metadata: { tenant: 'b' } });
    newest(scene).end();
    return JSON.parse(JSON.stringify(scene.interceptor.states())) as BreakerStates;
  };
  const restored = (startMs: number, options: CircuitBreakerOptions = {}): Scene => {
    const scene = new InterceptedScene<CircuitBreakerInterceptor>((environment) => {
      environment.clock.stepWallClock(startMs);
      return circuitBreaker({ key: byTenant, restore: opened(), ...options }, environment);
    });
    return scene;
  };
  const asA = { metadata: { tenant: 'a' } };

  it('goes on refusing for the rest of the time', async () => {
    const scene = restored(10_000);
    const refused = scene.call(asA);
    await settled();
    expect(explain(refused.ending)?.breaker).toEqual({ key: 'a', state: 'open', errorRatio: 1, nextProbeMs: 20_000 });
    expect(scene.interceptor.states()).toEqual({ a: opened()['a'] });
    scene.clock.advance(19_999);
    expect(scene.interceptor.states()['a']?.state).toBe('open');
    scene.clock.advance(1);
    scene.call(asA);
    newest(scene).end();
    expect(scene.interceptor.states()['a']).toEqual({ state: 'closed', calls: 0, failures: 0, errorRatio: 0 });
  });

  it.each([
    ['is half-open when the time is over', 30_000],
    ['is half-open long after', 1e9],
  ])('%s, and the first call is the probe', (_what, afterMs) => {
    const scene = restored(afterMs);
    expect(scene.interceptor.states()['a']?.state).toBe('half-open');
    scene.call(asA);
    newest(scene).end(status.UNAVAILABLE);
    expect(scene.interceptor.states()['a']?.state).toBe('open');
  });

  it('never waits for longer than from anew, whatever the clock was', () => {
    const scene = restored(-1e9);
    scene.clock.advance(30_000);
    expect(scene.interceptor.states()['a']?.state).toBe('half-open');
  });

  it('takes what was half-open for that', () => {
    const scene = setUp({ restore: { [KEY]: { state: 'half-open', calls: 2, failures: 2, errorRatio: 1 } } });
    expect(scene.interceptor.states()[KEY]).toMatchObject({ state: 'half-open', openedAt: 1e6 });
    scene.call();
    newest(scene).end();
    expect(scene.interceptor.states()[KEY]?.state).toBe('closed');
  });

  it('brings back no more keys than there may be, with a warning', () => {
    const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const state = opened()['a'] as BreakerStates[string];
    const scene = setUp({ maxKeys: 2, restore: { a: state, b: state, c: state, d: state } });
    expect(Object.keys(scene.interceptor.states())).toEqual(['a', 'b']);
    expect(warnings).toHaveBeenCalledTimes(1);
    warnings.mockRestore();
    scene.interceptor[Symbol.dispose]();
  });
});

describe('a breaker that is disposed of', () => {
  it('lets everything through, and judges nothing', async () => {
    const scene = setUp();
    open(scene);
    const refused = scene.call();
    scene.interceptor[Symbol.dispose]();
    scene.interceptor[Symbol.dispose]();
    open(scene);
    open(scene);
    expect(scene.below.calls).toHaveLength(6);
    expect(scene.interceptor.states()).toEqual({});
    await settled();
    expect(refused.code).toBe('UNAVAILABLE');
  });

  it('forgets what was in flight', () => {
    const scene = setUp({ volumeThreshold: 1 });
    const call = scene.call();
    scene.interceptor[Symbol.dispose]();
    newest(scene).end(status.UNAVAILABLE);
    expect(call.code).toBe('UNAVAILABLE');
    expect(scene.clock.pendingTimers).toBe(0);
  });
});

it('refuses options of a call that have lost the method', () => {
  const lost = {} as unknown as InterceptorOptions;
  expect(() => circuitBreaker()(lost, () => ({}) as never)).toThrow(InterceptorConfigurationError);
});
