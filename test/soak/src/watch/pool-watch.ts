import type { FaultProxy } from '@grpc-manifold/testing';
import type { ChannelPool } from 'grpc-manifold';
import type { Violations } from '../violations.js';

/** A connection that the pool has closed may take that long to be closed at the proxy. */
const CLOSING_GRACE_MS = 3_000;

/** Characters of what is told of one connection, the last of it. */
const STORY_LENGTH = 200;

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
  readonly figures: ConnectionFigures = {
    opened: 0,
    closed: 0,
    peakSockets: 0,

    drained: new Map(),
    faults: new Map(),
  };
  readonly #pool: ChannelPool;
  readonly #bounds: PoolBounds;
  readonly #proxies: readonly FaultProxy[];
  readonly #violations: Violations;
  readonly #subscription: Disposable;
  readonly #stories = new Map<number, string>();
  readonly #drainedByChoice = new Set<number>();
  #excessSinceMs: number | undefined;

  constructor(pool: ChannelPool, bounds: PoolBounds, proxies: readonly FaultProxy[], violations: Violations) {
    this.#pool = pool;
    this.#bounds = bounds;
    this.#proxies = proxies;
    this.#violations = violations;
    // An ejected one is ready a second time.
    const opened = new Set<number>();
    this.#subscription = pool.onChannelStateChange(({ id, to, reason, fault }) => {
      this.#stories.set(id, `${this.#stories.get(id) ?? ''}, ${to}: ${reason}`.slice(-STORY_LENGTH));
      const { figures } = this;
      if (to === 'ready' && !opened.has(id)) {
        opened.add(id);
        figures.opened += 1;
      }
      if (to === 'closed' && opened.delete(id)) figures.closed += 1;
      if (to === 'draining') count(figures.drained, reason.replaceAll(/\d[\d,.]*/g, 'N'));
      if (to === 'draining' && fault === undefined) this.#drainedByChoice.add(id);
      else this.#drainedByChoice.delete(id);
      if (fault !== undefined) count(figures.faults, fault.tag);
      this.#checkBounds();
    });
  }

  /** What became of a connection, in words. */
  storyOf(id: number): string {
    return `connection ${id}${this.#stories.get(id) ?? ''}`;
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
    for (const { id, state } of this.#pool.stats().channels) {
      if (state === 'ready' || state === 'connecting') live += 1;
      if (state === 'draining' && this.#drainedByChoice.has(id)) draining += 1;
    }
    if (live > maxChannels + 1) {
      this.#violations.add('live + connecting ≤ maxChannels + 1', `${live} of ${maxChannels}`);
    }
    if (draining > maxDrainingChannels) {
      this.#violations.add('draining by choice ≤ maxDrainingChannels', `${draining} of ${maxDrainingChannels}`);
    }
  }

  #checkCounters(): void {
    const { startedCalls, succeededCalls, failedCalls, shedCalls, cancelledCalls, inFlightCalls, queuedCalls } =
      this.#pool.stats();
    const sum = succeededCalls + failedCalls + shedCalls + cancelledCalls + inFlightCalls + queuedCalls;
    if (startedCalls !== sum) {
      this.#violations.add('every call is in one counter', `${startedCalls} started, ${sum} told`);
    }
  }

  /** What the pool has as a connection, it has one socket of, but for those that are just being closed. */
  #checkSockets(): void {
    const sockets = this.#proxies.reduce((sum, { openConnections }) => sum + openConnections, 0);
    const members = this.#pool.stats().channels.length;
    this.figures.peakSockets = Math.max(this.figures.peakSockets, sockets);
    if (sockets <= members) {
      this.#excessSinceMs = undefined;
      return;
    }
    this.#excessSinceMs ??= performance.now();
    if (performance.now() - this.#excessSinceMs <= CLOSING_GRACE_MS) return;
    this.#violations.add('sockets at the proxies ≤ connections of the pool', `for a while ${sockets} of ${members}`);
    this.#excessSinceMs = undefined;
  }
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
