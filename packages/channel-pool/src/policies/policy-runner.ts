import { inspect } from 'node:util';
import type { ConnectionPolicy, PolicyAction, PoolView } from '@grpc-manifold/core';
import { MAX_TIMER_MS, warn, type Clock, type Timer } from '@grpc-manifold/core/internal';

/** Milliseconds between two reviews at the least, whatever a policy asks for. */
const SHORTEST_PAUSE_MS = 10;

const KINDS: readonly PolicyAction['kind'][] = ['close', 'rotate', 'ping', 'verify', 'set-keepalive'];

/** The pool that the policies are for. */
export interface PolicyHost {
  readonly target: string;
  view(): PoolView;
  act(action: PolicyAction): void;
}

/** Asks each policy when a connection has changed its state, and when the policy wants to look again. */
export class PolicyRunner {
  readonly #policies: readonly ConnectionPolicy[];
  readonly #complained = new Set<string>();
  #timer: Timer | undefined;
  #dueMs = Infinity;
  #closed = false;

  constructor(
    policies: readonly ConnectionPolicy[],
    private readonly clock: Clock,
    private readonly host: PolicyHost,
  ) {
    this.#policies = policies.filter((policy) => policy.review !== undefined);
  }

  /** A connection has changed its state: asks soon, and never inside that change. */
  changed(): void {
    if (this.#policies.length > 0) this.#reviewIn(0);
  }

  /** Asks no more. */
  close(): void {
    this.#closed = true;
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #reviewIn(delayMs: number): void {
    const dueMs = this.clock.elapsed() + delayMs;
    if (this.#closed || delayMs === Infinity || dueMs >= this.#dueMs) return;
    if (this.#timer !== undefined) this.clock.clearTimer(this.#timer);
    this.#dueMs = dueMs;
    this.#timer = this.clock.setTimer(() => {
      this.#timer = undefined;
      this.#dueMs = Infinity;
      this.#review();
    }, delayMs);
  }

  #review(): void {
    let pauseMs = Infinity;
    for (const policy of this.#policies) {
      try {
        const view = this.host.view();
        // What is left when the last connection is gone is decided when there is one again.
        if (view.channels.length === 0) return;
        const { actions, nextReviewMs } = policy.review?.(view, this.clock.elapsed()) ?? {
          actions: [],
          nextReviewMs: Infinity,
        };
        if (typeof nextReviewMs !== 'number' || Number.isNaN(nextReviewMs)) {
          throw new TypeError(`nextReviewMs must be a number or Infinity, got ${String(nextReviewMs)}`);
        }
        pauseMs = Math.min(pauseMs, nextReviewMs);
        for (const action of actions) this.host.act(checked(action));
      } catch (error) {
        this.#complain(policy, error);
      }
    }
    this.#reviewIn(Math.max(SHORTEST_PAUSE_MS, pauseMs));
  }

  /** Once a policy: it would happen with each review. */
  #complain({ name }: ConnectionPolicy, error: unknown): void {
    if (this.#complained.has(name)) return;
    this.#complained.add(name);
    warn(`ChannelPool of ${this.host.target}: the policy ${name} threw: ${String(error)}`);
  }
}

/**
 * What a policy in plain JavaScript says need not be an action, and what is not understood must not close a connection.
 */
function checked(action: PolicyAction): PolicyAction {
  const given: unknown = action;
  if (typeof given !== 'object' || given === null) {
    throw new TypeError(`an action must be an object, got ${inspect(given)}`);
  }
  const { kind, timeMs, timeoutMs } = given as { kind?: unknown; timeMs?: unknown; timeoutMs?: unknown };
  if (!KINDS.includes(kind as PolicyAction['kind'])) {
    throw new TypeError(`the kind of an action must be one of ${KINDS.join(', ')}, got ${inspect(kind)}`);
  }
  if (kind === 'set-keepalive') mustBeTime('timeMs', timeMs);
  if (kind === 'ping' && timeoutMs !== undefined) mustBeTime('timeoutMs', timeoutMs);
  return action;
}

function mustBeTime(name: string, value: unknown): void {
  if (typeof value === 'number' && value >= 1 && value <= MAX_TIMER_MS) return;
  throw new RangeError(`${name} of an action must be a number from 1 to ${MAX_TIMER_MS}, got ${inspect(value)}`);
}
