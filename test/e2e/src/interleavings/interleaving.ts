import { hasSubscribers } from 'node:diagnostics_channel';
import { setImmediate as turn } from 'node:timers/promises';
import { credentials } from '@grpc/grpc-js';
import { explain } from '@grpc-manifold/core';
import { FakeClock, leakCheck, seededRandom, type ClientCall } from '@grpc-manifold/testing';
import { ChannelPool } from 'grpc-manifold';
import type { RecordedCall } from '../endings/recorded-call.js';
import { Actions } from './actions.js';
import { BookedPeer } from './booked-peer.js';
import { must } from './must.js';
import type { Plan } from './plan.js';
import { Promises } from './promises.js';
import { Rest } from './rest.js';
import type { Run } from './run.js';

/** How time goes by when only the end is waited for. */
const SLICE_MS = 100;
/** A drain is over after 400 ms; the rest is for sockets. */
const MOST_SLICES = 40;

/** One pool, one peer, real sockets between them, and time that goes by only as the plan says. */
export class Interleaving implements Run, AsyncDisposable {
  readonly clock = new FakeClock();
  readonly pool: ChannelPool;
  readonly calls: RecordedCall[] = [];
  readonly stillborn: ClientCall[] = [];
  readonly promises: Promises;
  readonly #actions: Actions;
  readonly #rest: Rest;
  isEnding = false;

  constructor(
    readonly plan: Plan,
    readonly peer: BookedPeer,
  ) {
    const { maxDrainingChannels, maxQueueTimeMs, growAtRatio, shrinkAfterMs, picker, onDispose, bounds } = plan;
    const { minChannels, maxChannels, maxStreamsPerChannel, maxQueuedCalls } = bounds;
    this.pool = new ChannelPool(
      peer.target,
      credentials.createInsecure(),
      {
        minChannels,
        maxChannels,
        maxStreamsPerChannel,
        maxDrainingChannels,
        growAtRatio,
        shrinkAfterMs,
        picker,
        onDispose,
        connectTimeoutMs: 200,
        drainTimeoutMs: 400,
        queue: { maxQueuedCalls, maxQueueTimeMs },
        channelOptions: { 'grpc.initial_reconnect_backoff_ms': 20, 'grpc.max_reconnect_backoff_ms': 50 },
      },
      { clock: this.clock, random: seededRandom(1) },
    );
    this.#rest = new Rest(this);
    this.#actions = new Actions(this);
    this.promises = new Promises(this);
  }

  async carryOut({ action, then }: Plan['steps'][number]): Promise<void> {
    if (action.kind === 'advance' && !action.overtakesTheWire) {
      await this.#rest.until(() => !this.promises.isUnaccepted);
    }
    if (action.kind === 'update') this.promises.allow(action.bounds);
    this.#actions.carryOut(action);
    this.promises.check();
    // Time goes by slower than the wire.
    if (then === 'rest' || action.kind === 'advance') await this.rest();
    else if (then === 'a turn') await turn();
    this.promises.check();
  }

  /** Lets all that is under way come to its end, and looks at what the pool and the peer have then. */
  async rest(): Promise<void> {
    await this.#rest.come();
    this.#actions.atRest();
    this.promises.checkAtRest();
  }

  /** Lets some time go by. */
  async pass(): Promise<void> {
    this.clock.advance(SLICE_MS);
    await this.rest();
  }

  /** Ends the pool as the plan says, and looks for what is left. */
  async end(): Promise<void> {
    let isOver = false;
    const ended = this.#beginEnd().then(() => (isOver = true));
    for (const step of this.plan.after) await this.carryOut(step);
    await this.rest();
    for (let slices = 0; !isOver; slices += 1) {
      must(slices < MOST_SLICES, 'the end does not come', this.#rest.trace);
      await this.pass();
    }
    await ended;
    await this.rest();
    const late = this.#actions.make().start();
    await this.rest();
    must(explain(late.ending)?.refusedBy === 'closed', 'a late call', late.ending.details);
    this.promises.checkInTheEnd();
  }

  /** Also after a run that failed, or it would spoil the next, and the search for a smaller one. */
  async [Symbol.asyncDispose](): Promise<void> {
    let isOver = false;
    const destroyed = this.pool.destroy().then(() => (isOver = true));
    for (let slices = 0; !isOver && slices < MOST_SLICES; slices += 1) {
      await this.#rest.turns();
      this.clock.advance(SLICE_MS);
    }
    await this.peer[Symbol.asyncDispose]();
    this.#rest[Symbol.dispose]();
    await destroyed;
  }

  #beginEnd(): Promise<unknown> {
    const { pool } = this;
    this.isEnding = true;
    switch (this.plan.end) {
      case 'destroy':
        return pool.destroy();
      case 'dispose':
        return pool[Symbol.asyncDispose]();
      case 'close':
        pool.close();
        // Returns the promise of the drain that is under way.
        return pool.drain();
      case 'drain':
        return pool.drain();
    }
  }
}

/** Carries out a plan from beginning to end, and sees to it that nothing is left of it. */
export async function carryOut(plan: Plan): Promise<Interleaving> {
  const isWatched = hasSubscribers('net.client.socket');
  const clocks: FakeClock[] = [];
  using leaks = leakCheck({ clocks, emitters: { process } });
  await using run = new Interleaving(plan, await BookedPeer.start(plan.limit));
  clocks.push(run.clock);
  for (const step of plan.steps) await run.carryOut(step);
  await run.rest();
  await run.pass();
  run.promises.checkThatNobodyWaitsInVain();
  await run.end();
  await run[Symbol.asyncDispose]();
  await leaks.expectNothingLeft();
  must(hasSubscribers('net.client.socket') === isWatched, 'it still watches for sockets');
  return run;
}
