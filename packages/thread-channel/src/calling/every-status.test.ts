import { EventEmitter } from 'node:events';
import type { Worker } from 'node:worker_threads';
import {
  connectivityState,
  credentials,
  Metadata,
  status,
  type CallCredentials,
  type InterceptingListener,
  type StatusObject,
} from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';
import { connectionOf, ObservedConnection, systemClock, type MessageContext } from '@grpc-manifold/core/internal';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Host } from '../thread/host.js';
import type { Batch } from '../wire/batch.js';
import type { Command } from '../wire/command.js';
import { ChannelThread } from './channel-thread.js';
import type { ChannelThreads } from './channel-threads.js';
import { ThreadChannel } from './thread-channel.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** More turns of the event loop than any pending work here needs. */
const TURNS = 8;

/** A scripted grpc-js call in the thread: the test plays the server. */
class ServedCall {
  isOver = false;
  #reads = 0;
  #listener: InterceptingListener | undefined;
  #credentials: CallCredentials | undefined;
  readonly #unread: Buffer[] = [];
  #ending: StatusObject | undefined;

  constructor(private readonly acknowledges: () => boolean) {}

  readonly call = {
    start: (_metadata: Metadata, listener: InterceptingListener) => {
      this.#listener = listener;
      void this.#credentials
        ?.generateMetadata({ service_url: 'https://x/a', method_name: 'B' })
        .catch(() => this.end(status.UNAUTHENTICATED));
    },
    startRead: () => {
      this.#reads += 1;
      process.nextTick(() => this.#settle());
    },
    sendMessageWithContext: ({ callback }: MessageContext) => {
      // After a cancel grpc-js does not call the callback.
      if (!this.isOver && this.acknowledges() && callback !== undefined) process.nextTick(callback);
    },
    halfClose: () => undefined,
    cancelWithStatus: (code: status) => process.nextTick(() => this.end(code, true)),
    setCredentials: (given: CallCredentials) => (this.#credentials = given),
    getPeer: () => 'peer',
    getAuthContext: () => null,
    getCallNumber: () => 1,
  } as unknown as ChannelCall;

  answer(): void {
    if (!this.isOver) this.#listener?.onReceiveMetadata(new Metadata());
  }

  send(): void {
    if (this.isOver || this.#ending !== undefined) return;
    this.#unread.push(Buffer.from('message'));
    this.#settle();
  }

  /** Like grpc-js: OK comes after the messages, an error at once. */
  end(code: status, isAtOnce = code !== status.OK): void {
    this.#ending ??= { code, details: '', metadata: new Metadata() };
    if (isAtOnce) this.#unread.length = 0;
    this.#settle();
  }

  #settle(): void {
    while (!this.isOver && this.#reads > 0 && this.#unread.length > 0) {
      this.#reads -= 1;
      this.#listener?.onReceiveMessage(this.#unread.shift());
    }
    if (this.isOver || this.#ending === undefined || this.#unread.length > 0) return;
    this.isOver = true;
    this.#listener?.onReceiveStatus(this.#ending);
  }
}

/** A worker without a thread: posted messages wait until the test delivers them. */
class Simulation extends EventEmitter {
  readonly toThread: unknown[] = [];
  readonly toCaller: unknown[] = [];
  readonly served: ServedCall[] = [];
  refs = 0;
  refusesPosts = false;
  isGone = false;
  /** True from `terminate` until the exit event. */
  isEnding = false;
  #host: Host | undefined;
  readonly thread: ChannelThread;

  constructor(private readonly acknowledges: () => boolean) {
    super();
    this.thread = new ChannelThread(
      () => this as unknown as Worker,
      () => undefined,
    );
  }

  /** Starts the program of the thread. */
  begin(): void {
    if (this.isGone) return;
    this.#host ??= new Host(
      { postMessage: (value, list) => this.toCaller.push(structuredClone(value, { transfer: [...(list ?? [])] })) },
      ({ target }) => {
        const channel = {
          getTarget: () => target,
          createCall: () => {
            const call = new ServedCall(this.acknowledges);
            this.served.push(call);
            return call.call;
          },
          getConnectivityState: () => connectivityState.READY,
          watchConnectivityState: () => undefined,
          close: () => undefined,
        };
        const settings = { target, credentials: credentials.createInsecure(), channelOptions: {}, clock: systemClock };
        return new ObservedConnection({ ...settings, channel: channel as never });
      },
    );
  }

  postMessage(value: unknown, list?: readonly ArrayBuffer[]): void {
    if (this.refusesPosts && Array.isArray(value)) throw new Error('refused');
    this.toThread.push(structuredClone(value, { transfer: [...(list ?? [])] }));
  }

  ref(): void {
    this.refs = 1;
  }

  unref(): void {
    this.refs = 0;
  }

  terminate(): Promise<number> {
    this.isEnding = true;
    return Promise.resolve(1);
  }

  /** Delivers messages to the thread, if its program has started. */
  deliverToThread(count: number): void {
    if (this.#host === undefined || this.isGone) return;
    for (const message of this.toThread.splice(0, count)) this.#host.receive(message as Batch | Command);
  }

  deliverToCaller(count: number): void {
    for (const message of this.toCaller.splice(0, count)) this.emit('message', message);
  }

  /** Ends the thread. Messages that it posted and the test did not deliver are lost. */
  end(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.toThread.length = 0;
    this.emit('error', new Error('told to end'));
    this.emit('exit', 1);
  }
}

/** A call and what its caller has received. */
class Caller {
  readonly statuses: StatusObject[] = [];
  /** Events after the status. */
  late = 0;
  readonly call: ChannelCall;

  constructor(channel: ThreadChannel, deadline: number, given: CallCredentials | undefined, onStatus: () => void) {
    this.call = channel.createCall('/a/B', deadline, null, null, null);
    if (given !== undefined) this.call.setCredentials(given);
    this.call.start(new Metadata(), {
      onReceiveMetadata: () => void (this.late += this.statuses.length),
      onReceiveMessage: () => void (this.late += this.statuses.length),
      onReceiveStatus: (ending) => {
        this.statuses.push(ending);
        onStatus();
      },
    });
  }
}

const place = fc.nat(1_000);
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('start' as const),
      deadline: fc.constantFrom(Infinity, Infinity, -1, 2),
      given: fc.constantFrom('none', 'none', 'made', 'failing', 'hanging'),
      again: fc.nat(2),
      member: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('read' as const, 'write' as const, 'halfClose' as const, 'cancel' as const),
      at: place,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom('answer' as const, 'send' as const, 'fail' as const, 'finish' as const),
      at: place,
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constantFrom('toThread' as const, 'toCaller' as const),
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 6, arbitrary: fc.constant({ kind: 'turn' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'begin' as const }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom({ kind: 'die' as const }, { kind: 'refuse' as const }, { kind: 'close' as const }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

class Play {
  readonly simulations: Simulation[] = [];
  readonly callers: Caller[] = [];
  readonly channels: { readonly channel: ThreadChannel; isClosed: boolean }[] = [];
  readonly #hanging: (() => void)[] = [];
  acknowledges = true;

  get current(): Simulation {
    return this.simulations.at(-1) ?? this.#another();
  }

  #another(): Simulation {
    const simulation = new Simulation(() => this.acknowledges);
    this.simulations.push(simulation);
    return simulation;
  }

  readonly #threads = {
    next: () => (this.current.thread.end === undefined ? this.current : this.#another()).thread,
  } as unknown as ChannelThreads;

  #channel(isMember: boolean): ThreadChannel {
    const open = this.channels.find(({ channel, isClosed }) => !isClosed && channel.isMember === isMember);
    if (open !== undefined) return open.channel;
    const channel = new ThreadChannel(this.#threads, 'dns:x', credentials.createInsecure(), {});
    // A pool connects its members itself.
    if (isMember) connectionOf(channel)?.connect(() => undefined);
    this.channels.push({ channel, isClosed: false });
    return channel;
  }

  #credentials(kind: string): CallCredentials | undefined {
    if (kind === 'none') return undefined;
    return credentials.createFromMetadataGenerator((_options, callback) => {
      if (kind === 'made') process.nextTick(() => callback(null, new Metadata()));
      else if (kind === 'failing') process.nextTick(() => callback(new Error('no token')));
      else this.#hanging.push(() => callback(null, new Metadata()));
    });
  }

  start({ deadline, given, again, member }: Extract<Step, { kind: 'start' }>): void {
    const channel = this.#channel(member);
    const dueMs = deadline === Infinity ? Infinity : Date.now() + deadline;
    this.callers.push(
      new Caller(channel, dueMs, this.#credentials(given), () => {
        if (again > 0) this.start({ kind: 'start', deadline, given, again: again - 1, member });
      }),
    );
  }

  async carryOut(each: Step): Promise<void> {
    const served = this.simulations.flatMap((simulation) => simulation.served);
    const pick = <Item>(items: readonly Item[], at: number): Item | undefined => items[at % Math.max(1, items.length)];
    switch (each.kind) {
      case 'start':
        return this.start(each);
      case 'read':
        return pick(this.callers, each.at)?.call.startRead();
      case 'write':
        return pick(this.callers, each.at)?.call.sendMessageWithContext(
          { callback: () => undefined },
          Buffer.from('m'),
        );
      case 'halfClose':
        return pick(this.callers, each.at)?.call.halfClose();
      case 'cancel':
        return pick(this.callers, each.at)?.call.cancelWithStatus(status.CANCELLED, 'enough');
      case 'answer':
        return pick(served, each.at)?.answer();
      case 'send':
        return pick(served, each.at)?.send();
      case 'fail':
        return pick(served, each.at)?.end(status.UNAVAILABLE);
      case 'finish':
        return pick(served, each.at)?.end(status.OK);
      case 'toThread':
        return this.current.deliverToThread(each.count);
      case 'toCaller':
        return this.current.deliverToCaller(each.count);
      case 'turn':
        return turn();
      case 'begin':
        return this.current.begin();
      case 'die':
        return this.current.end();
      case 'refuse':
        this.current.refusesPosts = true;
        return;
      case 'close': {
        const open = this.channels.find(({ isClosed }) => !isClosed);
        if (open === undefined) return;
        open.isClosed = true;
        open.channel.close();
      }
    }
  }

  /** Completes all pending work: threads start, servers answer, callers read. */
  async finish(): Promise<void> {
    for (let round = 0; round < 60; round += 1) {
      for (const hanging of this.#hanging.splice(0)) hanging();
      for (const simulation of this.simulations) {
        if (simulation.isEnding) simulation.end();
        simulation.begin();
        simulation.deliverToThread(Infinity);
        for (const call of simulation.served) call.end(status.OK);
        simulation.deliverToCaller(Infinity);
      }
      for (const { call, statuses } of this.callers) if (statuses.length === 0) call.startRead();
      for (let count = 0; count < TURNS; count += 1) await turn();
      if (this.callers.every(({ statuses }) => statuses.length > 0)) break;
    }
    for (let count = 0; count < TURNS; count += 1) {
      for (const simulation of this.simulations) {
        simulation.begin();
        simulation.deliverToThread(Infinity);
        simulation.deliverToCaller(Infinity);
      }
      await turn();
    }
  }
}

// Hundreds of threads end in this test, each with a warning.
beforeEach(() => void vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined));
afterEach(() => void vi.restoreAllMocks());

describe('calls in a thread, with delays, cancels and losses', () => {
  it('have one status each, and no event after it', async () => {
    const ends: Record<string, number> = {};
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
        const play = new Play();
        for (const each of steps) await play.carryOut(each);
        await play.finish();
        expect(play.callers.map(({ statuses }) => statuses.length)).toEqual(play.callers.map(() => 1));
        expect(play.callers.reduce((sum, { late }) => sum + late, 0)).toBe(0);
        for (const { statuses } of play.callers) {
          const code = status[statuses[0]?.code ?? 0] as string;
          ends[code] = (ends[code] ?? 0) + 1;
        }
        // No call is left, so the thread must not keep the process alive, even if channels are still open.
        for (const { isGone, refs } of play.simulations) expect(isGone ? 0 : refs).toBe(0);
      }),
      { seed: Number(process.env['FC_SEED'] ?? 20_261_130), numRuns: Number(process.env['FC_RUNS'] ?? 150) },
    );
    // The generated steps covered every kind of ending.
    if (process.env['MANIFOLD_SHOW'] !== undefined) console.log(ends);
    for (const code of ['OK', 'CANCELLED', 'UNAVAILABLE', 'DEADLINE_EXCEEDED', 'UNAUTHENTICATED']) {
      expect(ends[code]).toBeGreaterThan(0);
    }
  });
});
