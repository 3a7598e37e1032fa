import { EventEmitter } from 'node:events';
import { credentials, connectivityState } from '@grpc/grpc-js';
import { connectionOf } from '@grpc-manifold/core/internal';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveThreadChannelFactoryOptions } from '../options.js';
import type { ChannelThread, ThreadedCall, ThreadedConnection } from './channel-thread.js';
import { ChannelThreads } from './channel-threads.js';
import { ThreadChannel } from './thread-channel.js';

/** A worker that does what the test says. */
class ScriptedWorker extends EventEmitter {
  static readonly all: ScriptedWorker[] = [];
  /** How many of those to come cannot be made. */
  static failures = 0;
  readonly posted: unknown[] = [];
  isRefd = true;
  isTerminated = false;

  constructor() {
    super();
    if (ScriptedWorker.failures > 0) {
      ScriptedWorker.failures -= 1;
      throw new Error('no more threads');
    }
    ScriptedWorker.all.push(this);
  }

  ref(): void {
    this.isRefd = true;
  }

  unref(): void {
    this.isRefd = false;
  }

  postMessage(message: unknown): void {
    this.posted.push(message);
  }

  async terminate(): Promise<void> {
    this.isTerminated = true;
    await Promise.resolve();
    this.emit('exit', 1);
  }
}

vi.mock('node:worker_threads', async (original) => ({
  ...(await original<object>()),
  get Worker() {
    return ScriptedWorker;
  },
}));

const SECOND_MS = 1_000;
const connection = (): ThreadedConnection => ({
  number: 0,
  told: () => undefined,
  stateIs: () => undefined,
  sees: () => undefined,
  lost: () => undefined,
});
const call = (): ThreadedCall => ({ id: 0, lost: () => undefined }) as unknown as ThreadedCall;
const open = (threads: number): ChannelThreads => new ChannelThreads(resolveThreadChannelFactoryOptions({ threads }));
const workers = (): ScriptedWorker[] => ScriptedWorker.all;

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  ScriptedWorker.all.length = ScriptedWorker.failures = 0;
});

describe('a thread that cannot be started', () => {
  it('is tried again after a second', () => {
    const threads = open(1);
    ScriptedWorker.failures = 1;
    expect(threads.next().end).toMatchObject({
      neverStarted: true,
      reason: expect.stringContaining('no more threads') as string,
    });
    vi.advanceTimersByTime(SECOND_MS - 1);
    expect(threads.next().end).toBeDefined();
    vi.advanceTimersByTime(1);
    expect(threads.next().end).toBeUndefined();
  });

  it.each(['cannot be made', 'ends before it says anything'])(
    'takes nothing that another can take, when it %s',
    (how) => {
      const threads = open(2);
      if (how === 'cannot be made') {
        ScriptedWorker.failures = 1;
        threads.next();
      } else {
        threads.next().add(connection());
        workers()[0]?.emit('exit', 1);
      }
      for (let count = 0; count < 3; count += 1) {
        const thread = threads.next();
        expect(thread.end).toBeUndefined();
        thread.add(connection());
      }
      vi.advanceTimersByTime(SECOND_MS);
      expect(threads.next().connectionCount).toBe(0);
    },
  );
});

describe('a thread that nobody needs', () => {
  const idleAfterACall = (threads: ChannelThreads): { thread: ChannelThread; last: ThreadedCall } => {
    const thread = threads.next();
    const [only, last] = [connection(), call()];
    thread.add(only);
    thread.enter(last);
    thread.remove(only);
    return { thread, last };
  };

  it('is kept for ten seconds, and as long as it has a call', async () => {
    const { thread, last } = idleAfterACall(open(1));
    await vi.advanceTimersByTimeAsync(60 * SECOND_MS);
    expect(workers()[0]).toMatchObject({ isTerminated: false, isRefd: true });
    expect(thread.leave(last)).toBe(true);
    expect(thread.leave(last)).toBe(false);
    await vi.advanceTimersByTimeAsync(10 * SECOND_MS - 1);
    expect(workers()[0]).toMatchObject({ isTerminated: false, isRefd: false });
    await vi.advanceTimersByTimeAsync(1);
    expect([workers()[0]?.isTerminated, thread.end?.neverStarted]).toEqual([true, true]);
  });

  it('is waited for by whoever disposes of all', async () => {
    const threads = open(1);
    const { thread, last } = idleAfterACall(threads);
    thread.leave(last);
    vi.advanceTimersByTime(10 * SECOND_MS);
    expect([workers()[0]?.isTerminated, thread.end]).toEqual([true, undefined]);
    await threads[Symbol.asyncDispose]();
    expect(thread.end).toBeDefined();
  });
});

describe('a connection in a thread', () => {
  const setUp = () => {
    const threads = open(1);
    const channel = new ThreadChannel(threads, 'dns:x', credentials.createInsecure(), {});
    return { threads, channel, connection: connectionOf(channel) as NonNullable<ReturnType<typeof connectionOf>> };
  };

  it('starts none before it is to connect, and can be closed before', async () => {
    const { connection: spare } = setUp();
    expect([spare.session, workers().length]).toEqual(['unseen', 0]);
    spare.closeChannel();
    expect([await spare.close('enough'), workers().length]).toEqual([0, 0]);
  });

  it('lives in a thread that lives, whatever has become of those before', () => {
    const { threads, connection: spare } = setUp();
    const before = threads.next();
    before.add(connection());
    workers()[0]?.emit('message', { kind: 'started' });
    workers()[0]?.emit('exit', 1);
    const states: connectivityState[] = [];
    spare.connect((state) => states.push(state));
    expect(states).toEqual([connectivityState.CONNECTING]);
    expect(workers()[1]?.posted).toMatchObject([{ kind: 'open', target: 'dns:x' }, { kind: 'connect' }]);
  });

  it('is closed after five seconds, should its thread never say so', async () => {
    const { connection: opened } = setUp();
    opened.connect(() => undefined);
    const [worker] = workers();
    worker?.emit('message', { kind: 'started' });
    const closed = opened.close('enough');
    expect(worker?.isRefd).toBe(true);
    await vi.advanceTimersByTimeAsync(5 * SECOND_MS);
    expect([await closed, worker?.isRefd, worker?.isTerminated]).toEqual([0, false, false]);
  });

  it('ends a thread that has never said anything when it is to be closed', async () => {
    const { connection: opened } = setUp();
    opened.connect(() => undefined);
    const closed = opened.close('enough');
    await vi.advanceTimersByTimeAsync(5 * SECOND_MS);
    expect([await closed, workers()[0]?.isTerminated]).toEqual([0, true]);
    expect(process.emitWarning).toHaveBeenCalledWith(
      expect.stringMatching(/has said nothing for 5000 ms: is workerUrl the program/),
      expect.anything(),
    );
  });
});

describe('a channel in a thread by itself', () => {
  const alone = () => new ThreadChannel(open(1), 'dns:x', credentials.createInsecure(), {});

  it.each([
    [[3, Infinity], /method must be a string, got 3/],
    [['/a/B', undefined], /deadline must be a number or a Date, got undefined/],
    [['/a/B', '2030'], /deadline must be a number or a Date, got '2030'/],
  ])('makes no call of %j', (given, message) => {
    const [method, deadline] = given as [string, number];
    expect(() => alone().createCall(method, deadline, null, null, null)).toThrow(message);
  });

  it('asks its thread once to connect, however often it is asked', () => {
    const channel = alone();
    for (let count = 0; count < 3; count += 1) channel.getConnectivityState(true);
    expect(workers()[0]?.posted).toMatchObject([{ kind: 'open' }, { kind: 'connect' }]);
  });

  it('holds the process while it connects', () => {
    const channel = alone();
    channel.getConnectivityState(true);
    expect(workers()[0]?.isRefd).toBe(true);
    channel.close();
    workers()[0]?.emit('message', { kind: 'closed', channel: 1, forcedSockets: 0 });
    expect(workers()[0]?.isRefd).toBe(false);
  });

  it('has one timer a watcher, which ends with it', async () => {
    const channel = alone();
    const told: unknown[] = [];
    for (const afterMs of [10, 1_000]) {
      channel.watchConnectivityState(connectivityState.IDLE, Date.now() + afterMs, (error) =>
        told.push(error?.message),
      );
    }
    channel.watchConnectivityState(connectivityState.IDLE, Infinity, (error) => told.push(error?.message));
    expect(vi.getTimerCount()).toBe(2);
    vi.advanceTimersByTime(10);
    expect(told).toEqual(['Deadline passed without connectivity state change']);
    channel.close();
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(0);
    expect(told).toEqual(['Deadline passed without connectivity state change', undefined, undefined]);
  });
});
