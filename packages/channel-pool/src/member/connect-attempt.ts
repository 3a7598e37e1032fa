import { connectivityState, Metadata, type ChannelInterface } from '@grpc/grpc-js';
import type { TransportFault } from '@grpc-manifold/core';
import type { Clock, Timer } from '@grpc-manifold/core/internal';

/**
 * Milliseconds after which a TCP connection that is still unanswered, and that nobody waits for, is given up. A pending
 * connect holds the process whatever the socket says: libuv counts the request, not the handle.
 */
const UNAWAITED_CONNECT_MS = 1_000;

/** Who is told how an attempt to connect ends. At most one of both is told, once. */
export interface ConnectObserver {
  /** True when somebody waits for a connection. */
  isAwaited(): boolean;
  /** True while the socket is open and unanswered. */
  isConnecting(): boolean;
  onReady(): void;
  /** The channel gave up. `detail` is what grpc-js says of it. */
  onRefused(detail: string): void;
  /** The attempt took too long, or its reason could not be found out. */
  onFailed(fault: TransportFault): void;
}

/** One attempt of a channel to connect, from its begin to READY, to a failure or to {@link stop}. */
export class ConnectAttempt {
  #watchdog: Timer | undefined;
  #unawaited: Timer | undefined;
  #hasFailed = false;

  constructor(
    private readonly clock: Clock,
    private readonly connectTimeoutMs: number,
    private readonly channel: ChannelInterface,
    private readonly observer: ConnectObserver,
  ) {}

  /** Starts its timers. */
  begin(): void {
    const { clock, connectTimeoutMs } = this;
    if (connectTimeoutMs !== Infinity) {
      this.#watchdog = clock.setTimer(() => {
        const detail = `not ready within connectTimeoutMs ${connectTimeoutMs}`;
        this.observer.onFailed({ tag: 'connect-timeout', detail });
      }, connectTimeoutMs);
    }
    this.#watchUnawaited();
  }

  /** The channel has reached a state. */
  see(state: connectivityState): void {
    if (state === connectivityState.READY) this.observer.onReady();
    if (state !== connectivityState.TRANSIENT_FAILURE) return;
    this.#hasFailed = true;
    this.stop();
    void this.#askWhy().then(
      (detail) => this.observer.onRefused(detail),
      (error: unknown) => this.observer.onFailed({ tag: 'connect-failed', detail: String(error) }),
    );
  }

  /** Stops its timers. */
  stop(): void {
    if (this.#watchdog !== undefined) this.clock.clearTimer(this.#watchdog);
    if (this.#unawaited !== undefined) this.clock.clearTimer(this.#unawaited);
    this.#watchdog = this.#unawaited = undefined;
  }

  #watchUnawaited(): void {
    const timer = (this.#unawaited = this.clock.setTimer(() => {
      // A process that was busy for that long has not read the answer yet. It does so before the next turn.
      this.clock.soon(() => {
        if (timer !== this.#unawaited || this.#hasFailed) return;
        if (!this.observer.isConnecting() || this.observer.isAwaited()) return this.#watchUnawaited();
        const detail = `no answer within ${UNAWAITED_CONNECT_MS} ms, and nobody waits`;
        this.observer.onFailed({ tag: 'connect-timeout', detail });
      });
    }, UNAWAITED_CONNECT_MS));
  }

  /**
   * Asks the channel for its last error. grpc-js tells it only to a call that it fails, which in this state it does at
   * once and without sending anything.
   */
  #askWhy(): Promise<string> {
    return new Promise((resolve) => {
      const call = this.channel.createCall('/grpc-manifold/why', Infinity, null, null, null);
      call.start(new Metadata(), {
        onReceiveMetadata: () => undefined,
        onReceiveMessage: () => undefined,
        onReceiveStatus: (status) => resolve(status.details),
      });
    });
  }
}
