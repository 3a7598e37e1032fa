import { connectivityState, credentials, Metadata, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { QueueOptions } from '@grpc-manifold/bounded-queue';
import { QUEUE_ORDERS } from '@grpc-manifold/bounded-queue/internal';
import { explain, type CallInfo, type PolicyAction } from '@grpc-manifold/core';
import type { ClientCall } from '@grpc-manifold/testing';
import {
  NOTHING_LEFT,
  SCRIPTED_TARGET,
  ScriptedScene,
  settled,
  type ScriptedCall,
  type ScriptedChannel,
} from '@grpc-manifold/testing';
import { ChannelPool } from './channel-pool.js';
import { PICKER_NAMES } from './pickers/index.js';
import type { ChannelStats } from './reports/stats.js';

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE } = connectivityState;

const POLICY_LOOKS_MS = 20;

const chance = fc.nat(1_000);

const bounds = fc.record({
  minChannels: fc.nat(2),
  moreChannels: fc.nat(2),
  maxStreamsPerChannel: fc.integer({ min: 1, max: 3 }),
  maxQueuedCalls: fc.nat(4),
  order: fc.constantFrom(...QUEUE_ORDERS),
  shares: fc.constantFrom({}, { 0: 0.8, 1: 0.2 }, { 0: 0.5 }),
});

const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('start' as const),
      rpc: fc.constantFrom('unary', 'server-stream', 'client-stream', 'bidi'),
      deadlineInMs: fc.oneof({ weight: 2, arbitrary: fc.constant(Infinity) }, { weight: 1, arbitrary: fc.nat(300) }),
      waitForReady: fc.boolean(),
      bytes: fc.nat(20),
      key: fc.nat(3),
      reads: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('client reads' as const), which: chance }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('cancel' as const), which: chance }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel before start' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('client sends' as const), which: chance, last: fc.boolean() }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('server ends' as const),
      which: chance,
      code: fc.constantFrom(status.OK, status.OK, status.INTERNAL, status.NOT_FOUND),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('server refuses' as const), which: chance }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('server sends' as const), which: chance }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('server breaks' as const), which: chance, rounds: fc.constantFrom(1, 5) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('ready' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fails' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('lost' as const),
      which: chance,
      how: fc.constantFrom('dropped', 'idle', 'goaway'),
      lastStream: fc.nat(3),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('update' as const), bounds }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('policy acts' as const),
      action: fc.constantFrom('close', 'rotate', 'verify'),
      which: chance,
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(1_500) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer Kind> ? Kind : never;

const plan = fc.record({
  bounds,
  maxDrainingChannels: fc.integer({ min: 1, max: 2 }),
  maxQueuedBytes: fc.integer({ min: 20, max: 60 }),
  maxQueueTimeMs: fc.oneof(fc.integer({ min: 1, max: 500 }), fc.constant(Infinity)),
  growAtRatio: fc.constantFrom(0.01, 0.5, 1),
  shrinkAfterMs: fc.constantFrom(20, 300, 1_000, Infinity),
  picker: fc.constantFrom(...PICKER_NAMES),
  hasAffinity: fc.boolean(),
  hasPartitions: fc.boolean(),
  resetBurst: fc.constantFrom(1, 3, 800),
  // Without a size fast-check makes ten at the most, five on average.
  steps: fc.array(step, { maxLength: 60, size: 'max' }),
  end: fc.constantFrom('drain', 'destroy', 'close', 'dispose'),
  after: fc.array(step, { maxLength: 8 }),
});
type Plan = typeof plan extends fc.Arbitrary<infer Kind> ? Kind : never;

function keyOf({ metadata }: CallInfo): string {
  return String(metadata.get('key')[0]);
}

/** Cheap: it is asked some hundred thousand times. */
function must(holds: boolean, what: string, ...numbers: unknown[]): void {
  if (!holds) throw new Error(`${what}: ${numbers.map((number) => JSON.stringify(number)).join(', ')}`);
}

function any<T>(of: readonly T[], which: number): T | undefined {
  return of[which % Math.max(of.length, 1)];
}

/** One pool, everything that is done to it, and what must hold all the while. */
class Interleaving {
  readonly scene: ScriptedScene<ChannelPool>;
  readonly calls: ClientCall[] = [];
  readonly #answered = new Set<ScriptedCall>();
  readonly #usedBefore = new Map<number, number>();
  readonly #occupiedBefore = new Map<number, number>();
  #bounds: { maxChannels: number; maxStreamsPerChannel: number; maxQueuedCalls: number };
  #mostQueued = 0;
  readonly #misjudged: number[][] = [];
  /** What the policy of the pool does at its next look. */
  readonly #actions: PolicyAction[] = [];
  readonly #replaced = new Set<number>();
  /** Connections that the pool drained by its own choice, and that were not lost after that. */
  readonly #letGo = new Set<number>();
  /** {@link #sums} when it was decided to open a connection, oldest first, as long as it was not told. */
  readonly #decidedOn: (readonly [number, number])[] = [];
  isClosing = false;
  /** How often one was seen that was ejected. */
  ejected = 0;

  constructor(private readonly plan: Plan) {
    const { maxDrainingChannels, growAtRatio, shrinkAfterMs, picker, maxQueuedBytes, maxQueueTimeMs } = plan;
    const { minChannels, maxChannels, maxStreamsPerChannel, maxQueuedCalls } = read(plan.bounds);
    const partitions = plan.hasPartitions ? { partition: keyOf } : {};
    this.#bounds = { maxChannels, maxStreamsPerChannel, maxQueuedCalls };
    this.scene = new ScriptedScene(
      (channelFactory, environment) =>
        new ChannelPool(
          SCRIPTED_TARGET,
          credentials.createInsecure(),
          {
            channelFactory,
            minChannels,
            maxChannels,
            maxStreamsPerChannel,
            maxDrainingChannels,
            growAtRatio,
            shrinkAfterMs,
            picker,
            policies: [
              {
                name: 'test',
                review: () => ({ actions: this.#actions.splice(0), nextReviewMs: POLICY_LOOKS_MS }),
              },
            ],
            ...(plan.hasAffinity ? { affinity: keyOf } : {}),
            queue: {
              ...this.#queueOptions(plan.bounds),
              maxQueuedBytes,
              maxQueueTimeMs,
              priority: (call) => -Number(keyOf(call)),
              ...partitions,
            },
          },
          {
            ...environment,
            resetBurst: plan.resetBurst,
            beforeOpening: () => {
              this.#decidedOn.push(this.#sums);
              return undefined;
            },
          },
        ),
    );
    this.scene.pool.onChannelStateChange(({ id, to, fault }) => {
      if (to === 'ready') this.#letGo.delete(id);
      else if (to === 'draining' && fault === undefined && !this.#replaced.has(id)) this.#letGo.add(id);
    });
    // What is decided is told when it was done: by then the sums are other ones.
    this.scene.pool.onScale(({ action, usedStreams, capacity, reason }) => {
      if (action === 'shrink') return;
      const [used, room] = (reason.includes('shrinkAfterMs') ? undefined : this.#decidedOn.shift()) ?? this.#sums;
      // What a listener throws is not heard of.
      if (usedStreams !== used || capacity !== room) this.#misjudged.push([usedStreams, used, capacity, room]);
    });
  }

  /** Streams that are used, and streams that there may be, on the connections that are ready. */
  get #sums(): readonly [number, number] {
    const ready = this.#connected;
    return [
      ready.reduce((sum, { inFlightCalls, endingStreams }) => sum + inFlightCalls + endingStreams, 0),
      ready.reduce((sum, { maxConcurrentStreams }) => sum + maxConcurrentStreams, 0),
    ];
  }

  get #connected(): ChannelStats[] {
    return this.scene.pool.stats().channels.filter(({ state }) => state === 'ready');
  }

  get #running(): ScriptedCall[] {
    return this.scene.channels.flatMap((channel) => channel.running);
  }

  get #ready(): ScriptedChannel[] {
    return this.scene.channels.filter((channel) => channel.state === READY);
  }

  async carryOut(each: Step): Promise<void> {
    const { channels, clock, pool } = this.scene;
    this.#mostQueued = Math.max(pool.stats().queuedCalls, this.#queueBound());
    if (each.kind === 'start') this.#start(each);
    else if (each.kind === 'cancel') any(this.calls, each.which)?.call.cancelWithStatus(status.CANCELLED, 'enough');
    else if (each.kind === 'cancel before start') {
      const made = this.scene.create();
      made.call.cancelWithStatus(status.CANCELLED, 'changed my mind');
      this.calls.push(made.start());
    } else if (each.kind === 'client sends') {
      const { call } = any(this.calls, each.which) ?? {};
      if (each.last) call?.halfClose();
      else call?.sendMessageWithContext({ callback: () => undefined }, Buffer.alloc(3));
    } else if (each.kind === 'client reads') {
      any(this.calls, each.which)?.call.startRead();
    } else if (each.kind === 'server ends') any(this.#running, each.which)?.end(each.code);
    else if (each.kind === 'server refuses') any(this.#running, each.which)?.refuse();
    else if (each.kind === 'server breaks') this.#break(any(this.#ready, each.which), each.rounds);
    else if (each.kind === 'server sends') {
      // Also on streams that were reset: what was under way arrives. After its own ending a server says nothing.
      const open = this.#ready.flatMap((channel) => channel.calls).filter((call) => !call.endedByServer);
      const call = any(open, each.which);
      if (call !== undefined) call.send(this.#answered.has(call) ? 'anything' : undefined);
      if (call !== undefined) this.#answered.add(call);
    } else if (each.kind === 'ready') {
      for (const channel of channels) if (channel.state === CONNECTING) channel.become(READY);
    } else if (each.kind === 'fails') {
      for (const channel of channels) if (channel.state === CONNECTING) channel.become(TRANSIENT_FAILURE);
    } else if (each.kind === 'lost') this.#lose(any(this.#ready, each.which), each);
    else if (each.kind === 'update') this.#update(each.bounds);
    else if (each.kind === 'policy acts') this.#act(each.action, any(pool.stats().channels, each.which));
    else if (each.kind === 'advance') clock.advance(each.ms);
    else await settled();
  }

  /** What must hold after each step. */
  check(): void {
    const { channels, clock, pool } = this.scene;
    const stats = pool.stats();
    const { maxChannels, maxStreamsPerChannel } = this.#bounds;
    const count = (...states: string[]): number => stats.channels.filter(({ state }) => states.includes(state)).length;
    for (const channel of channels) {
      const { id, occupied } = channel;
      // A limit that was lowered below what runs lets that run on, and lets nothing more in.
      const most = Math.max(maxStreamsPerChannel, this.#occupiedBefore.get(id) ?? 0);
      must(occupied <= most, 'streams on a connection', id, occupied, most);
      this.#occupiedBefore.set(id, occupied);
      must(channel.misuse.length === 0, 'misuse', channel.misuse);
    }
    must(this.#misjudged.length === 0, 'what the number of connections was decided on', this.#misjudged);
    let inFlight = 0;
    for (const { id, state, inFlightCalls, endingStreams } of stats.channels) {
      inFlight += inFlightCalls;
      const used = inFlightCalls + endingStreams;
      const most = Math.max(maxStreamsPerChannel, this.#usedBefore.get(id) ?? 0);
      must(inFlightCalls >= 0 && endingStreams >= 0 && used <= most, 'used streams', id, inFlightCalls, endingStreams);
      this.#usedBefore.set(id, used);
      const isFull = state !== 'ready' || used >= maxStreamsPerChannel;
      must(stats.queuedCalls === 0 || isFull, 'calls wait that a connection has room for', id, used);
    }
    for (const { statuses, events } of this.calls) {
      must(statuses.length <= 1 && !events.some((event) => event.endsWith('after the status')), 'statuses', events);
      must(events.lastIndexOf('metadata') <= 0, 'headers', events);
      for (const ending of statuses) {
        const { fault, channelId } = ending.details.includes('maxDrainingChannels') ? (explain(ending) ?? {}) : {};
        must(fault === undefined || fault.tag === 'stalled', 'a connection that works was given up', channelId);
      }
    }
    const sum = stats.succeededCalls + stats.failedCalls + stats.shedCalls + stats.cancelledCalls;
    must(stats.inFlightCalls === inFlight, 'calls in flight', stats.inFlightCalls, inFlight);
    must(inFlight + stats.queuedCalls === stats.startedCalls - sum, 'the sum of all calls', stats);
    must(stats.retriedCalls <= stats.startedCalls, 'retried calls', stats.retriedCalls);
    const mostQueued = Math.max(this.#mostQueued, this.#queueBound());
    must(stats.queuedCalls >= 0 && stats.queuedCalls <= mostQueued, 'queued calls', stats.queuedCalls, mostQueued);
    must(stats.queuedBytes >= 0 && stats.queuedBytes <= this.plan.maxQueuedBytes, 'queued bytes', stats.queuedBytes);
    must(stats.queuedCalls > 0 || stats.queuedBytes === 0, 'queued bytes of nobody', stats.queuedBytes);
    const [live, draining] = [count('ready', 'failed', 'connecting'), count('draining')];
    const { maxDrainingChannels } = this.plan;
    const byChoice = stats.channels.filter(({ id, state }) => state === 'draining' && this.#letGo.has(id)).length;
    must(byChoice <= maxDrainingChannels, 'draining by choice of the pool', byChoice);
    must(stats.drainingChannels === draining, 'drainingChannels', stats.drainingChannels, draining);
    // Beyond a bound that was lowered they go as fast as they may drain.
    must(live <= maxChannels + 1 || draining >= maxDrainingChannels, 'live', live, maxChannels, draining);
    must(count('closed') === 0, 'dead connections', stats.channels);
    // More than half are not ejected.
    must(count('failed') <= count('ready'), 'ejected', stats.channels);
    this.ejected += count('failed');
    const refd = stats.queuedCalls > 0 ? 1 : 0;
    must(this.isClosing || clock.refdTimers === refd, 'timers that hold the process', clock.refdTimers, refd);
  }

  /** What must hold once nothing is under way. */
  checkAtRest(): void {
    const { inFlightCalls, queuedCalls } = this.scene.pool.stats();
    const open = this.calls.filter(({ statuses }) => statuses.length === 0).length;
    must(inFlightCalls + queuedCalls === open, 'open calls', inFlightCalls, queuedCalls, open);
    const tries = new Map<string, number>();
    for (const { metadata } of this.scene.channels.flatMap(({ calls }) => calls)) {
      const id = String(metadata?.get('id')[0]);
      tries.set(id, (tries.get(id) ?? 0) + 1);
    }
    for (const [id, count] of tries) must(count <= 10, 'tries of a call', id, count);
  }

  /** Beyond its bound the queue may hold those whose connection is still to be opened. */
  #queueBound(): number {
    const { maxChannels, maxStreamsPerChannel, maxQueuedCalls } = this.#bounds;
    return maxQueuedCalls + Math.max(0, maxChannels - this.#connected.length) * maxStreamsPerChannel;
  }

  #start({ rpc, deadlineInMs, waitForReady, bytes, key, reads }: Extract<Step, { kind: 'start' }>): void {
    const made = this.scene.call({
      deadline: this.scene.clock.now() + deadlineInMs,
      waitForReady,
      metadata: { key: `${key}`, id: `${this.calls.length}` },
    });
    this.calls.push(made);
    if (reads) made.call.startRead();
    const isOne = rpc === 'unary' || rpc === 'server-stream';
    made.call.sendMessageWithContext(isOne ? {} : { callback: () => undefined }, Buffer.alloc(bytes));
    if (isOne) made.call.halfClose();
  }

  /** Streams end by RST_STREAM, new ones as well. */
  #break(channel: ScriptedChannel | undefined, rounds: number): void {
    for (let round = 0; round < rounds; round += 1) {
      if (round > 0) {
        this.#start({
          kind: 'start',
          rpc: 'unary',
          deadlineInMs: Infinity,
          waitForReady: false,
          bytes: 1,
          key: 0,
          reads: true,
        });
      }
      for (const each of channel?.running ?? []) each.end(status.INTERNAL, 'Received RST_STREAM with code 2');
    }
  }

  #lose(channel: ScriptedChannel | undefined, { how, lastStream }: Extract<Step, { kind: 'lost' }>): void {
    if (channel !== undefined) this.#letGo.delete(channel.id);
    if (how === 'dropped') channel?.lose();
    else channel?.become(IDLE);
    // Streams above the last one that a GOAWAY names were never processed.
    if (how === 'goaway') for (const each of channel?.running.slice(lastStream) ?? []) each.refuse();
  }

  #act(kind: 'close' | 'rotate' | 'verify', channel: ChannelStats | undefined): void {
    // One that drains already is given up by a second one, calls and all.
    if (channel === undefined || (kind === 'close' && channel.state === 'draining')) return;
    // For good: where too many drain it may be given up.
    if (kind !== 'close') this.#replaced.add(channel.id);
    this.#actions.push({ kind, channelId: channel.id, reason: 'test' });
    this.scene.clock.advance(POLICY_LOOKS_MS);
  }

  #queueOptions({ maxQueuedCalls, order, shares }: Plan['bounds']): QueueOptions {
    return { maxQueuedCalls, order, ...(this.plan.hasPartitions ? { shares } : {}) };
  }

  #update(changed: Plan['bounds']): void {
    const { minChannels, maxChannels, maxStreamsPerChannel, maxQueuedCalls } = read(changed);
    this.#bounds = { maxChannels, maxStreamsPerChannel, maxQueuedCalls };
    this.scene.pool.update({ minChannels, maxChannels, maxStreamsPerChannel, queue: this.#queueOptions(changed) });
  }
}

function read({ minChannels, moreChannels, ...others }: Plan['bounds']) {
  return { minChannels, maxChannels: Math.max(minChannels + moreChannels, 1), ...others };
}

describe('any interleaving of calls, endings, losses, resizes and drains', () => {
  it('keeps the promises of the pool', async () => {
    let withEjected = 0;
    await fc.assert(
      fc.asyncProperty(plan, async (given) => {
        const run = new Interleaving(given);
        const { clock, pool } = run.scene;
        try {
          for (const each of given.steps) {
            await run.carryOut(each);
            run.check();
          }
          await settled();
          run.check();
          run.checkAtRest();
          run.isClosing = true;
          const { end } = given;
          const ended =
            end === 'destroy' ? pool.destroy() : end === 'dispose' ? pool[Symbol.asyncDispose]() : pool.drain();
          if (end === 'close') pool.close();
          for (const each of given.after) {
            await run.carryOut(each);
            run.check();
          }
          clock.advance(5_000);
          await ended;
          await settled();
          run.check();
          run.checkAtRest();
          for (const { statuses } of run.calls) must(statuses.length === 1, 'statuses in the end', statuses.length);
          const late = run.scene.create().start(new Metadata());
          await settled();
          must(explain(late.ending)?.refusedBy === 'closed', 'a late call', late.code);
          expect(await run.scene.remains()).toEqual(NOTHING_LEFT);
          if (run.ejected > 0) withEjected += 1;
        } finally {
          // Or a run that fails would spoil the next, and the search for a smaller one.
          await pool.destroy();
        }
      }),
      { seed: 20_260_303, numRuns: 3_000 },
    );
    expect(withEjected).toBeGreaterThan(100);
  });
});
