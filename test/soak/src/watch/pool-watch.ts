import type { FaultProxy } from '@grpc-manifold/testing';
import type { ChannelPool } from 'grpc-manifold';
import type { Violations } from '../violations.js';

/** A connection that the pool has closed may take that long to be closed at the proxy. */
const CLOSING_GRACE_MS = 3_000;

/** The bounds that the pool was given. */
export interface PoolBounds {
  readonly maxChannels: number;
  readonly maxDrainingChannels: number;
}

/** What became of connections. */
export interface ConnectionFigures {
  opened: number;
  closed: number;
  peakSockets: number;
  /** Connections that began to drain, by the reason's first words. */
  readonly drained: Map<string, number>;
  /** Faults, by their tag. */
  readonly faults: Map<string, number>;
}

/** Holds the pool to its bounds and its counters to each other, at every change and at every look. */
export class PoolWatch implements Disposable {
  readonly figures: ConnectionFigures = { opened: 0, closed: 0, peakSockets: 0, drained: new Map(), faults: new Map() };
  readonly #pool: ChannelPool;
  readonly #bounds: PoolBounds;
  readonly #proxies: readonly FaultProxy[];
  readonly #violations: Violations;
  readonly #subscription: Disposable;
  #excessSinceMs: number | undefined;

  constructor(pool: ChannelPool, bounds: PoolBounds, proxies: readonly FaultProxy[], violations: Violations) {
    this.#pool = pool;
    this.#bounds = bounds;
    this.#proxies = proxies;
    this.#violations = violations;
    this.#subscription = pool.onChannelStateChange(({ to, reason, fault }) => {
      const { figures } = this;
      if (to === 'ready') figures.opened += 1;
      if (to === 'closed') figures.closed += 1;
      if (to === 'draining') count(figures.drained, reason.replaceAll(/\d[\d,.]*/g, 'N'));
      if (fault !== undefined) count(figures.faults, fault.tag);
      this.#checkBounds();
    });
  }

  /** Looks at everything. */
  check(): void {
    this.#checkBounds();
    this.#checkCounters();
    this.#checkSockets();
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
  }

  #checkBounds(): void {
    const { maxChannels, maxDrainingChannels } = this.#bounds;
    let live = 0;
    let draining = 0;
    for (const { state } of this.#pool.stats().channels) {
      if (state === 'ready' || state === 'connecting') live += 1;
      if (state === 'draining') draining += 1;
    }
    if (live > maxChannels + 1)
      this.#violations.add('live + connecting ≤ maxChannels + 1', `${live} of ${maxChannels}`);
    if (draining > maxDrainingChannels) {
      this.#violations.add('draining ≤ maxDrainingChannels', `${draining} of ${maxDrainingChannels}`);
    }
  }

  #checkCounters(): void {
    const { startedCalls, succeededCalls, failedCalls, shedCalls, cancelledCalls, inFlightCalls, queuedCalls } =
      this.#pool.stats();
    const sum = succeededCalls + failedCalls + shedCalls + cancelledCalls + inFlightCalls + queuedCalls;
    if (startedCalls !== sum)
      this.#violations.add('every call is in one counter', `${startedCalls} started, ${sum} told`);
  }

  #checkSockets(): void {
    const sockets = this.#proxies.reduce((sum, { openConnections }) => sum + openConnections, 0);
    this.figures.peakSockets = Math.max(this.figures.peakSockets, sockets);
    const members = this.#pool.stats().channels.length;
    if (sockets <= members) {
      this.#excessSinceMs = undefined;
      return;
    }
    this.#excessSinceMs ??= performance.now();
    if (performance.now() - this.#excessSinceMs <= CLOSING_GRACE_MS) return;
    const states = this.#pool.stats().channels.map(({ id, state }) => `${id} ${state}`);
    const open = this.#proxies.flatMap(({ connections }) =>
      connections.map(({ id, clientPort, heldBytes }) => `${id} from port ${clientPort}, ${heldBytes} bytes held`),
    );
    this.#violations.add(
      'sockets at the proxies ≤ connections of the pool',
      `for a while ${sockets} (${open.join('; ')}) of ${members} (${states.join(', ')})`,
    );
    this.#excessSinceMs = undefined;
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
