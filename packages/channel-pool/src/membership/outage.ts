import type { TransportFault } from '@grpc-manifold/core';
import type { Clock, Random, Timer } from '@grpc-manifold/core/internal';
import type { ResolvedChannelPoolOptions } from '../options/options.js';
import type { PooledChannel } from '../member/pooled-channel.js';
import { ConnectionBackoff } from '../opening/backoff.js';

/** What went wrong with the connections of a pool, and when the next attempt may begin. */
export class Outage {
  readonly #backoff: ConnectionBackoff;
  #retryTimer: Timer | undefined;
  #lastError: string | undefined;
  #lastFault: TransportFault | undefined;
  #isClosed = false;
  /** True when no connection is left and the last attempt has failed. */
  isFailing = false;

  /** @param onRetry told when the next attempt may begin. */
  constructor(
    options: ResolvedChannelPoolOptions,
    private readonly clock: Clock,
    random: Random,
    private readonly onRetry: () => void,
  ) {
    this.#backoff = new ConnectionBackoff(options.channelOptions, random);
  }

  /** What went wrong with the last connection that failed or was lost. */
  get lastFault(): TransportFault | undefined {
    return this.#lastFault;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** The last error when no connection is left and none could be made; undefined otherwise. */
  get failure(): string | undefined {
    return this.isFailing ? (this.#lastError ?? 'unknown') : undefined;
  }

  /** True while the next attempt has to wait. */
  get isBackingOff(): boolean {
    return this.#retryTimer !== undefined;
  }

  note(fault: TransportFault): void {
    this.#lastFault = fault;
    this.#lastError = fault.detail;
  }

  /** A member could not be made at all. */
  noteError(error: unknown): void {
    this.note({ tag: 'connect-failed', detail: String(error) });
  }

  /**
   * Makes the next attempt wait.
   *
   * @param sinceMs how long ago the attempt began that has failed, where that was not just now.
   */
  backOff(sinceMs = 0): void {
    if (this.#isClosed || this.#retryTimer !== undefined) return;
    const delayMs = this.#backoff.next() - sinceMs;
    if (delayMs <= 0) return;
    this.#retryTimer = this.clock.setTimer(() => {
      this.#retryTimer = undefined;
      this.onRetry();
    }, delayMs);
  }

  /** A member began to drain. Decides how soon another may be made for it. */
  onDraining(member: PooledChannel, liveChannels: number): void {
    if (member.fault?.tag === 'stalled') {
      // A server that stalls again and again is called upon less and less often, until it has answered.
      if (member.hasAnswered) this.#backoff.reset();
      this.backOff(member.ageMs);
    } else if (this.#isWorthless(member)) {
      this.backOff();
    } else {
      this.#backoff.reset();
      // An attempt that failed beside this member, which worked, is no reason to leave calls without any.
      if (liveChannels === 0) this.#retryNow();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#retryNow();
  }

  /** A server that accepts connections only to drop them must not be called upon without pause. */
  #isWorthless(member: PooledChannel): boolean {
    // A member that got a GOAWAY and still has calls may answer them yet: nginx says GOAWAY after each 1,000 requests.
    const mayAnswer = member.hasAnswered || (member.fault?.tag === 'goaway' && member.inFlightCalls > 0);
    return member.fault !== undefined && !mayAnswer && member.connectedMs < this.#backoff.initialMs;
  }

  #retryNow(): void {
    if (this.#retryTimer !== undefined) this.clock.clearTimer(this.#retryTimer);
    this.#retryTimer = undefined;
  }
}
