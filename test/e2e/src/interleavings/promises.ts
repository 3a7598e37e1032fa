import type { ChannelStats } from '@grpc-manifold/channel-pool';
import type { TransportFault } from '@grpc-manifold/core';
import type { BookedConnection } from './booked-connection.js';
import { must } from './must.js';
import type { Plan } from './plan.js';
import type { Run } from './run.js';

/**
 * Whether each member makes one connection in its life also when calls on one that drains were never processed. While
 * it is false, a run in which a member made a second one is not asked which connection carries which call.
 */
export const ONE_CONNECTION_A_MEMBER: boolean = true;

/** Streams of one call at the most: grpc-js tries each of the pool's ten attempts again once by itself. */
const STREAMS_A_CALL = 20;

type Bounds = Plan['bounds'];

/** What a pool promises, whatever happens. */
export class Promises {
  readonly #bounds: Bounds;
  /** Highest of `maxStreamsPerChannel` since all was at rest. */
  #maxStreams: number;
  /** Highest bounds ever: calls that were let in beyond one that is smaller now wait on. */
  readonly #ever: Bounds;
  readonly #usedAtRest = new Map<number, number>();
  readonly #connections = new Map<number, BookedConnection>();
  #lastMember = 0;
  /** Members that are lost with what is on them: their calls are about to be told. */
  readonly #dead = new Set<number>();
  /** Connections that members made beyond their first. */
  extraConnections = 0;
  /** An attempt was given up before it was accepted. The peer may still accept it, and nobody knows whose it was. */
  #isUnclear = false;

  constructor(private readonly run: Run) {
    this.#bounds = { ...run.plan.bounds };
    this.#ever = { ...run.plan.bounds };
    this.#maxStreams = this.#bounds.maxStreamsPerChannel;
    run.peer.onConnection = (connection) => this.#accepted(connection);
    run.pool.onChannelStateChange(({ id, from, to, fault }) => {
      if (to === 'draining' && fault !== undefined && endsItsCalls(fault)) this.#dead.add(id);
      this.#lastMember = Math.max(this.#lastMember, id);
      if (from === 'connecting' && to !== 'ready' && !this.#connections.has(id)) this.#isUnclear = true;
    });
  }

  /** A connection is being made that the peer has not accepted yet. */
  get isUnaccepted(): boolean {
    const { channels } = this.run.pool.stats();
    return channels.some(({ id, state }) => state === 'connecting' && !this.#connections.has(id)) && !this.#isUnclear;
  }

  /** It is known which connection is whose. */
  get isClear(): boolean {
    return !this.#isUnclear && this.extraConnections === 0;
  }

  /** The bounds of the pool are about to be changed. */
  allow(bounds: Bounds): void {
    Object.assign(this.#bounds, bounds);
    this.#maxStreams = Math.max(this.#maxStreams, bounds.maxStreamsPerChannel);
    this.#ever.maxChannels = Math.max(this.#ever.maxChannels, bounds.maxChannels);
    this.#ever.maxQueuedCalls = Math.max(this.#ever.maxQueuedCalls, bounds.maxQueuedCalls);
    this.#ever.maxStreamsPerChannel = Math.max(this.#ever.maxStreamsPerChannel, bounds.maxStreamsPerChannel);
  }

  /** What holds at any time. */
  check(): void {
    const { peer, pool, plan, calls } = this.run;
    for (const wrong of peer.wrong) throw wrong;
    const stats = pool.stats();
    const members = (...states: string[]): number =>
      stats.channels.filter(({ state }) => states.includes(state)).length;
    const dead = stats.channels.filter(({ id, state }) => state === 'draining' && this.#dead.has(id)).length;
    const [live, draining] = [members('ready', 'failed', 'connecting'), members('draining') - dead];
    must(stats.drainingChannels === members('draining'), 'drainingChannels', stats.drainingChannels);
    // Beyond a bound that was lowered they go as fast as they may drain.
    const { maxChannels } = this.#bounds;
    must(live <= maxChannels + 1 || draining >= plan.maxDrainingChannels, 'live', live, maxChannels, draining);
    must(members('closed') === 0, 'dead connections', stats.channels);
    must(members('failed') <= members('ready'), 'more than half are ejected', stats.channels);
    let inFlight = 0;
    for (const member of stats.channels) {
      this.#lastMember = Math.max(this.#lastMember, member.id);
      inFlight += member.inFlightCalls;
      this.#checkStreams(member);
    }
    must(inFlight === stats.inFlightCalls, 'calls in flight', inFlight, stats.inFlightCalls);
    const sum = stats.succeededCalls + stats.failedCalls + stats.shedCalls + stats.cancelledCalls;
    must(inFlight + stats.queuedCalls === stats.startedCalls - sum, 'the sum of all calls', stats);
    const { maxQueuedCalls, maxStreamsPerChannel } = this.#ever;
    const mostQueued = maxQueuedCalls + this.#ever.maxChannels * maxStreamsPerChannel;
    must(stats.queuedCalls >= 0 && stats.queuedCalls <= mostQueued, 'queued calls', stats.queuedCalls, mostQueued);
    must(stats.queuedBytes === 0 || stats.queuedCalls > 0, 'queued bytes of nobody', stats.queuedBytes);
    must(stats.retriedCalls <= stats.startedCalls, 'retried calls', stats.retriedCalls);
    for (const { statuses } of calls) must(statuses.length <= 1, 'statuses', statuses);
  }

  /** What holds when nothing is under way. */
  checkAtRest(): void {
    this.check();
    const { peer, pool, calls, stillborn } = this.run;
    const { channels, inFlightCalls, queuedCalls } = pool.stats();
    for (const connection of peer.connections) connection.atRest();
    this.#maxStreams = this.#bounds.maxStreamsPerChannel;
    for (const { id, inFlightCalls: own, endingStreams } of channels) this.#usedAtRest.set(id, own + endingStreams);
    const open = calls.filter(({ statuses }) => statuses.length === 0).length;
    must(inFlightCalls + queuedCalls === open, 'open calls', inFlightCalls, queuedCalls, open);
    for (const { events } of stillborn) must(events.join() === 'CANCELLED', 'a call that was never started', events);
    const made = calls.length + stillborn.length;
    must(peer.streams <= STREAMS_A_CALL * made, 'streams', peer.streams, made);
    this.#checkConnections(channels);
    if (!this.isClear) return;
    for (const member of channels) this.#checkWire(member);
    for (const { connection, isLeft, isHeld, open } of this.#forsaken) {
      // It has 100 ms to close in order.
      const isClosing = (isLeft || isHeld) && open.length === 0;
      must(isClosing, 'a connection of a member that is gone', connection.id, isLeft, isHeld, open);
    }
  }

  /** What holds when, besides, the limits of all servers were looked at: a raised one is seen within 20 ms. */
  checkThatNobodyWaitsInVain(): void {
    const { channels, queuedCalls } = this.run.pool.stats();
    if (queuedCalls === 0) return;
    for (const { id, state, inFlightCalls, endingStreams, maxConcurrentStreams } of channels) {
      const isFull = state !== 'ready' || inFlightCalls + endingStreams >= maxConcurrentStreams;
      must(isFull, 'calls wait that a connection has room for', id, inFlightCalls, endingStreams, maxConcurrentStreams);
    }
  }

  /** What holds once the pool has ended. */
  checkInTheEnd(): void {
    const { clock, peer, pool, calls } = this.run;
    const { channels, inFlightCalls, queuedCalls, queuedBytes, state } = pool.stats();
    must(channels.length + inFlightCalls + queuedCalls + queuedBytes === 0, 'left in the pool', pool.stats());
    must(state === 'SHUTDOWN', 'the state of the pool', state);
    must(peer.open.length === 0, 'connections that are left', peer.open.length);
    must(clock.pendingTimers === 0, 'timers that are left', clock.pendingTimers);
    for (const call of calls) call.expectOneOutcome();
  }

  /** Open connections whose member is gone. */
  get #forsaken(): BookedConnection[] {
    const members = new Set(this.run.pool.stats().channels.map(({ id }) => id));
    return this.run.peer.open.filter(({ member = 0 }) => !members.has(member));
  }

  #checkStreams({ id, inFlightCalls, endingStreams }: ChannelStats): void {
    const used = inFlightCalls + endingStreams;
    must(inFlightCalls >= 0 && endingStreams >= 0, 'a counter below zero', id, inFlightCalls, endingStreams);
    const servers = this.isClear ? (this.#connections.get(id)?.highest ?? 0) : Infinity;
    // A limit that was lowered below what runs lets that run on, and lets nothing more in.
    const most = Math.max(Math.min(this.#maxStreams, servers), this.#usedAtRest.get(id) ?? 0);
    must(used <= most, 'streams on a connection', id, inFlightCalls, endingStreams, most);
  }

  /**
   * The peer has what the pool says that a member carries: nothing is hidden inside HTTP/2, and nothing was forgotten.
   */
  #checkWire({ id, state, inFlightCalls, maxConcurrentStreams }: ChannelStats): void {
    const connection = this.#connections.get(id);
    if (connection === undefined || connection.isHeld) {
      must(state === 'connecting' && inFlightCalls === 0, 'a member without a connection', id, state, inFlightCalls);
      return;
    }
    if (!ONE_CONNECTION_A_MEMBER && state === 'draining' && !connection.isOpen) {
      // Its channel is about to make the second.
      this.extraConnections = Math.max(this.extraConnections, 1);
      return;
    }
    must(connection.isOpen, 'a member whose connection is gone', id, state, inFlightCalls);
    const { allowed } = connection;
    const open = connection.open.length;
    const expected = Math.min(this.#bounds.maxStreamsPerChannel, allowed);
    must(maxConcurrentStreams === expected, 'the limit of a member', id, maxConcurrentStreams, expected);
    // A stream that was refused while more run than the server allows by now is tried again when there is room.
    const least = Math.min(inFlightCalls, allowed);
    must(open <= inFlightCalls && open >= least, 'streams that the peer has', id, open, inFlightCalls, allowed);
  }

  #accepted(connection: BookedConnection): void {
    const { channels } = this.run.pool.stats();
    const member = channels.find(({ id, state }) => state === 'connecting' && !this.#connections.has(id));
    if (member === undefined) {
      if (!this.#isUnclear) this.extraConnections += 1;
      return;
    }
    connection.member = member.id;
    this.#lastMember = Math.max(this.#lastMember, member.id);
    this.#connections.set(member.id, connection);
  }

  #checkConnections(channels: readonly ChannelStats[]): void {
    const { connections } = this.run.peer;
    this.extraConnections = Math.max(this.extraConnections, connections.length - this.#lastMember);
    if (!ONE_CONNECTION_A_MEMBER) return;
    must(this.extraConnections === 0, 'more connections than members', connections.length, this.#lastMember, channels);
  }
}

/** True when Node destroys every stream of a connection that ended by it. */
function endsItsCalls({ tag, detail }: TransportFault): boolean {
  return tag !== 'stalled' && !(tag === 'goaway' && detail.includes('NO_ERROR'));
}
