import type { CallExplanation } from '@grpc-manifold/core';
import type { CredentialsObserver } from './awaited-credentials.js';

/** Whether a call waits for its call credentials: nothing of it is sent before they have answered. */
export class CredentialsWait implements CredentialsObserver {
  #isWaiting = false;
  #questions = 0;

  /** @param onNone told when the channel has no call credentials of its own. */
  constructor(private readonly onNone: () => void) {}

  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  credentialsAsked(): void {
    this.#questions += 1;
    this.#isWaiting = true;
  }

  credentialsAnswered(): void {
    this.#isWaiting = false;
  }

  channelHasNone(): void {
    this.onNone();
  }

  /** What to say of the wait. grpc-js asks the credentials again for an attempt of its own. */
  explanation(isFirstAttempt: boolean): CallExplanation {
    if (!this.#isWaiting) return {};
    const neverSent = isFirstAttempt && this.#questions === 1 ? ({ neverSent: true } as const) : {};
    return { waitedFor: 'credentials', ...neverSent };
  }
}
