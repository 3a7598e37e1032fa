import type { TransportFault } from '@grpc-manifold/core';
import type { PooledChannel } from '../member/pooled-channel.js';
import type { PoolAlarm } from '../reports/stats.js';

/** The pool whose connections drain. */
export interface DrainingPool {
  /** Connections that are not closed, oldest first. */
  readonly open: Iterable<PooledChannel>;
  maxDrainingChannels(): number;
  /** Ends the calls on a connection, and closes it. */
  giveUp(member: PooledChannel, reason: string, fault: TransportFault): void;
  onAlarm(alarm: PoolAlarm): void;
}

/**
 * Counts the connections that take no new calls and still have some. What the pool drains by its own choice waits for a
 * place among them; what its server drains needs none, and lives as long as its streams do. Only stalled connections
 * are closed when they are too many, so that a stopped server costs a bounded amount of memory.
 */
export class Draining {
  #isAlarmed = false;

  constructor(private readonly pool: DrainingPool) {}

  /** Connections that drain now. */
  get count(): number {
    return this.#members().length;
  }

  /** True when the pool may drain one more by its own choice. */
  get mayDrain(): boolean {
    return this.slots > 0;
  }

  /** How many more the pool may drain by its own choice. */
  get slots(): number {
    return Math.max(0, this.pool.maxDrainingChannels() - this.count);
  }

  /** A connection began to drain, stalled, or closed. */
  review(): void {
    this.#boundStalled();
    this.#alarm();
  }

  #boundStalled(): void {
    const most = this.pool.maxDrainingChannels();
    const stalled = this.#members().filter((member) => member.isStalled && member.inFlightCalls > 0);
    for (const member of stalled.slice(0, Math.max(0, stalled.length - most))) {
      const detail = `more than maxDrainingChannels ${most} stalled connections had calls, and it was the oldest`;
      this.pool.giveUp(member, detail, { tag: 'stalled', detail });
    }
  }

  /** Once above the bound, and again only after half of it was reached. */
  #alarm(): void {
    const members = this.#members();
    const maxDrainingChannels = this.pool.maxDrainingChannels();
    if (members.length <= maxDrainingChannels / 2) this.#isAlarmed = false;
    if (this.#isAlarmed || members.length <= maxDrainingChannels) return;
    this.#isAlarmed = true;
    this.pool.onAlarm({
      reason: 'draining',
      drainingChannels: members.length,
      maxDrainingChannels,
      inFlightCalls: members.reduce((sum, { inFlightCalls }) => sum + inFlightCalls, 0),
    });
  }

  #members(): PooledChannel[] {
    return [...this.pool.open].filter(({ state }) => state === 'draining');
  }
}
