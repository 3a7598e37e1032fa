import type { Metadata, StatusObject } from '@grpc/grpc-js';
import { watchForAbandonment } from '../open-streams/abandoned.js';
import type { CallState } from '../ending/call-state.js';
import type { ScopedStream } from '../scope/scoped-stream.js';

/** The stream behind what the user holds, when it is one of ours. */
export function stateOf(stream: unknown): CallState | undefined {
  return stream instanceof OwnedStream ? stream.state : undefined;
}

/** What the user holds of a stream. Nothing that lives as long as the call leads to it. */
export abstract class OwnedStream implements ScopedStream {
  readonly state: CallState;

  constructor(state: CallState) {
    this.state = state;
    if (!state.hasEnded) state.whenEnded(watchForAbandonment(this, state.record, state.abandon).release);
  }

  get status(): Promise<StatusObject> {
    return this.state.status;
  }

  get headers(): Promise<Metadata> {
    return this.state.headers;
  }

  get trailers(): Promise<Metadata> {
    return this.state.trailers;
  }

  cancel(reason?: unknown): void {
    this.state.end({ by: 'cancel', reason });
  }

  [Symbol.dispose](): void {
    this.state.end({ by: 'owner' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.state.close();
  }
}
