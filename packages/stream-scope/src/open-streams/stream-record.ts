import type { CallKind } from '@grpc-manifold/core';
import { ListNode, type Clock } from '@grpc-manifold/core/internal';

/** What a stream is called by where it is listed. */
export interface StreamIdentity {
  /** The full method path, as '/package.Service/Method'; 'unknown' where nobody can tell. */
  readonly method: string;
  readonly kind: CallKind;
}

/** One stream that has no status yet, as the process-wide list of open streams keeps it. */
export class StreamRecord {
  /** Where it stands in that list. */
  readonly place = new ListNode<StreamRecord>();
  sentMessages = 0;
  receivedMessages = 0;
  readonly #openedMs: number;
  #lastMessageMs: number;

  /**
   * @param cancel ends the RPC; harmless when it has ended.
   * @param openedAt the line that opened it, where that was captured; one that was not may be filled in later.
   */
  constructor(
    readonly identity: StreamIdentity,
    private readonly clock: Clock,
    readonly cancel: () => void,
    public openedAt?: string,
  ) {
    this.#openedMs = this.#lastMessageMs = clock.elapsed();
  }

  get ageMs(): number {
    return this.clock.elapsed() - this.#openedMs;
  }

  /** Milliseconds since the last message either way, or since it was opened. */
  get idleMs(): number {
    return this.clock.elapsed() - this.#lastMessageMs;
  }

  sent(): void {
    this.sentMessages += 1;
    this.#lastMessageMs = this.clock.elapsed();
  }

  received(): void {
    this.receivedMessages += 1;
    this.#lastMessageMs = this.clock.elapsed();
  }
}
