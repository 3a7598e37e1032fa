import { AsyncResource } from 'node:async_hooks';
import type { InterceptingListener, Metadata, StatusObject } from '@grpc/grpc-js';
import { promptly, tellMessage, tellMetadata, tellStatus, throwLater } from '@grpc-manifold/core/internal';

/**
 * Whoever made a call: its listener, and the async context that the call was made in. Everything is told in that
 * context, because a call that waits is admitted inside a callback of somebody else.
 */
export class Caller extends AsyncResource {
  listener: InterceptingListener | undefined;

  constructor() {
    super('GRPCMANIFOLD_CALL');
  }

  tellMetadata(metadata: Metadata): void {
    try {
      this.runInAsyncScope(tellMetadata, undefined, this.listener, metadata);
    } catch (error) {
      this.#throwLater(error);
    }
  }

  tellMessage(message: unknown): void {
    try {
      this.runInAsyncScope(tellMessage, undefined, this.listener, message);
    } catch (error) {
      this.#throwLater(error);
    }
  }

  tellStatus(ending: StatusObject): void {
    this.runInAsyncScope(tellStatus, undefined, this.listener, ending);
  }

  /**
   * Tells a status that the pool has made: never in the caller's own stack, soon, and yet so that a caller that answers
   * each refusal by a new call does not keep the event loop to itself.
   */
  tellStatusLater(ending: StatusObject): void {
    promptly(() => this.tellStatus(ending));
  }

  /** What a listener throws is its owner's to catch. Thrown into grpc-js it would cost the call its status. */
  #throwLater(error: unknown): void {
    this.runInAsyncScope(throwLater, undefined, error);
  }
}
