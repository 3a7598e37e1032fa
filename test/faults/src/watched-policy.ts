import type { ConnectionPolicy, PolicyAction } from '@grpc-manifold/core';
import { POOL_SIZE } from './scene.js';

/** Milliseconds between two looks of a policy that may not act yet. */
const LOOK_AGAIN_MS = 10;

/** A policy that says what it has decided, and decides nothing before it is told to. */
export class WatchedPolicy implements ConnectionPolicy {
  readonly actions: PolicyAction[] = [];
  isOn = true;
  /** Called when it has decided something, after that was done. */
  onAction: () => void = () => undefined;
  readonly name: string;

  constructor(private readonly policy: ConnectionPolicy) {
    this.name = policy.name;
  }

  channelOptions(): ReturnType<NonNullable<ConnectionPolicy['channelOptions']>> {
    return this.policy.channelOptions?.() ?? {};
  }

  /** The connections that a pool began with only: those that take their places stay, so that they can be counted. */
  review(
    ...[view, nowMs]: Parameters<NonNullable<ConnectionPolicy['review']>>
  ): ReturnType<NonNullable<ConnectionPolicy['review']>> {
    const channels = view.channels.filter(({ id }) => id <= POOL_SIZE);
    const review = this.isOn ? this.policy.review?.({ ...view, channels }, nowMs) : undefined;
    if (review === undefined) return { actions: [], nextReviewMs: LOOK_AGAIN_MS };
    this.actions.push(...review.actions);
    if (review.actions.length > 0) setImmediate(() => this.onAction());
    return review;
  }
}
