import type { ProxiedConnection } from '@grpc-manifold/testing';
import type { FaultName } from './fault-kinds.js';

/** What it does to calls may come to light so many milliseconds after it was undone. */
const AFTERMATH_MS = 10_000;

/** One fault, from its beginning on. */
export class FaultRecord {
  readonly beganMs = performance.now();
  #endedMs: number | undefined;
  /** Calls that failed on connections that it touched. */
  failedCalls = 0;
  /** Milliseconds from its beginning to the last of these. */
  hurtMs = 0;

  constructor(readonly name: FaultName) {}

  end(): void {
    this.#endedMs ??= performance.now();
  }

  /** True while what it did may still end calls. */
  get isFelt(): boolean {
    return this.#endedMs === undefined || performance.now() - this.#endedMs < AFTERMATH_MS;
  }

  describe(): string {
    const age = ((performance.now() - this.beganMs) / 1_000).toFixed(1);
    return `${this.name} ${age} s ago${this.#endedMs === undefined ? '' : ' (over)'}`;
  }

  countFailedCall(): void {
    this.failedCalls += 1;
    this.hurtMs = performance.now() - this.beganMs;
  }
}

/** A connection that a fault touched. */
interface Touch {
  readonly connection: ProxiedConnection;
  readonly record: FaultRecord;
  /** Unknown until the proxy is connected to the server. */
  port: number | undefined;
}

/** Knows which connections were touched, for calls on all others must not notice. */
export class TouchedConnections {
  #touches: Touch[] = [];

  add(connection: ProxiedConnection, record: FaultRecord): void {
    this.#touches.push({ connection, record, port: connection.upstreamPort });
  }

  /** Learns ports that were not known yet, and forgets what is no longer felt. */
  refresh(): void {
    for (const touch of this.#touches) touch.port ??= touch.connection.upstreamPort;
    this.#touches = this.#touches.filter(({ connection, record }) => connection.isOpen || record.isFelt);
  }

  /** The fault that a connection feels. @param port as the server sees it. */
  faultOn(port: number): FaultRecord | undefined {
    return this.#touches.findLast((touch) => touch.port === port && touch.record.isFelt)?.record;
  }

  /** The youngest fault felt on a connection that is none of these. */
  faultElsewhere(knownPorts: ReadonlySet<number>): FaultRecord | undefined {
    return this.#touches.findLast(({ port, record }) => record.isFelt && (port === undefined || !knownPorts.has(port)))
      ?.record;
  }
}
