import { EventEmitter } from 'node:events';
import { credentials, connectivityState } from '@grpc/grpc-js';
import { connectionOf } from '@grpc-manifold/core/internal';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { resolveThreadChannelFactoryOptions } from '../options.js';
import type { ChannelThread } from './channel-thread.js';
import type { ThreadedCall } from './threaded-call.js';
import type { ThreadedConnection } from './threaded-connection.js';
import { ChannelThreads } from './channel-threads.js';
import { ThreadChannel } from './thread-channel.js';

/** A worker that the test controls. */
class ScriptedWorker extends EventEmitter {
  static readonly all: ScriptedWorker[] = [];
  /** How many of the next constructor calls throw. */
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
  onEvent: () => undefined,
  onStateChange: () => undefined,
  onSnapshot: () => undefined,
  onThreadEnd: () => undefined,
});
const call = (): ThreadedCall => ({ id: 0, onThreadEnd: () => undefined }) as unknown as ThreadedCall;
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

  it.each(['cannot be made', 'ends before its first message'])(
    'gets no connection that another thread can take, when it %s',
    (how) => {
      const threads = open(2);
      if (how === 'cannot be made') {
        ScriptedWorker.failures = 1;
        threads.next();
      } else {
        threads.next().addConnection(connection());
        workers()[0]?.emit('exit', 1);
      }
      for (let count = 0; count < 3; count += 1) {
        const thread = threads.next();
        expect(thread.end).toBeUndefined();
        thread.addConnection(connection());
      }
      vi.advanceTimersByTime(SECOND_MS);
      expect(threads.next().connectionCount).toBe(0);
    },
  );
});

describe('an idle thread', () => {
  const idleAfterACall = (threads: ChannelThreads): { thread: ChannelThread; last: ThreadedCall } => {
    const thread = threads.next();
    const [only, last] = [connection(), call()];
    thread.addConnection(only);
    thread.addCall(last);
    thread.removeConnection(only);
    return { thread, last };
  };

  it('is kept for ten seconds, and as long as it has a call', async () => {
    const { thread, last } = idleAfterACall(open(1));
    await vi.advanceTimersByTimeAsync(60 * SECOND_MS);
    expect(workers()[0]).toMatchObject({ isTerminated: false, isRefd: true });
    expect(thread.removeCall(last)).toBe(true);
    expect(thread.removeCall(last)).toBe(false);
    await vi.advanceTimersByTimeAsync(10 * SECOND_MS - 1);
    expect(workers()[0]).toMatchObject({ isTerminated: false, isRefd: false });
    await vi.advanceTimersByTimeAsync(1);
    expect([workers()[0]?.isTerminated, thread.end?.neverStarted]).toEqual([true, true]);
  });

  it('has ended when the disposal of the factory resolves', async () => {
    const threads = open(1);
    const { thread, last } = idleAfterACall(threads);
    thread.removeCall(last);
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

  it('starts no thread before it connects, and can be closed before', async () => {
    const { connection: spare } = setUp();
    expect([spare.session, workers().length]).toEqual(['unseen', 0]);
    spare.closeChannel();
    expect([await spare.close('enough'), workers().length]).toEqual([0, 0]);
  });

  it('gets a running thread after an earlier thread has ended', () => {
    const { threads, connection: spare } = setUp();
    const before = threads.next();
    before.addConnection(connection());
    workers()[0]?.emit('message', { kind: 'started' });
    workers()[0]?.emit('exit', 1);
    const states: connectivityState[] = [];
    spare.connect((state) => states.push(state));
    expect(states).toEqual([connectivityState.CONNECTING]);
    expect(workers()[1]?.posted).toMatchObject([{ kind: 'open', target: 'dns:x' }, { kind: 'connect' }]);
  });

  it('counts as closed after five seconds if its thread does not answer', async () => {
    const { connection: opened } = setUp();
    opened.connect(() => undefined);
    const [worker] = workers();
    worker?.emit('message', { kind: 'started' });
    const closed = opened.close('enough');
    expect(worker?.isRefd).toBe(true);
    await vi.advanceTimersByTimeAsync(5 * SECOND_MS);
    expect([await closed, worker?.isRefd, worker?.isTerminated]).toEqual([0, false, false]);
  });

  it('terminates a thread that has sent no message when the close times out', async () => {
    const { connection: opened } = setUp();
    opened.connect(() => undefined);
    const closed = opened.close('enough');
    await vi.advanceTimersByTimeAsync(5 * SECOND_MS);
    expect([await closed, workers()[0]?.isTerminated]).toEqual([0, true]);
    expect(process.emitWarning).toHaveBeenCalledWith(
      expect.stringMatching(/the thread sent no message for 5000 ms: is workerUrl the program/),
      expect.anything(),
    );
  });
});

describe('a channel without a pool', () => {
  const alone = () => new ThreadChannel(open(1), 'dns:x', credentials.createInsecure(), {});

  it.each([
    [[3, Infinity], /method must be a string, got 3/],
    [['/a/B', undefined], /deadline must be a number or a Date, got undefined/],
    [['/a/B', '2030'], /deadline must be a number or a Date, got '2030'/],
  ])('throws for the arguments %j of createCall', (given, message) => {
    const [method, deadline] = given as [string, number];
    expect(() => alone().createCall(method, deadline, null, null, null)).toThrow(message);
  });

  it('sends one connect command for several requests to connect', () => {
    const channel = alone();
    for (let count = 0; count < 3; count += 1) channel.getConnectivityState(true);
    expect(workers()[0]?.posted).toMatchObject([{ kind: 'open' }, { kind: 'connect' }]);
  });

  it('keeps the process alive while it connects', () => {
    const channel = alone();
    channel.getConnectivityState(true);
    expect(workers()[0]?.isRefd).toBe(true);
    channel.close();
    workers()[0]?.emit('message', { kind: 'closed', channel: 1, forcedSockets: 0 });
    expect(workers()[0]?.isRefd).toBe(false);
  });

  it('has one timer for each watcher with a deadline, and clears it with the watcher', async () => {
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
