import type { ServiceError } from '@grpc/grpc-js';
import type { CallState } from '../ending/call-state.js';
import { handled } from '../ending/handled.js';

/** What grpc-js calls with the outcome of a call that has one response. */
export type UnaryCallback<Res> = (error: ServiceError | null, response?: Res) => void;

/** The response of an upload, which grpc-js gives to a callback just before the status. */
export class UploadResponse<Res> {
  readonly promise: Promise<Res>;
  #resolve!: (response: Res) => void;
  #reject!: (error: unknown) => void;
  #state: CallState | undefined;

  constructor() {
    this.promise = handled(
      new Promise((resolve, reject) => {
        this.#resolve = resolve;
        this.#reject = reject;
      }),
    );
  }

  readonly callback: UnaryCallback<Res> = (error, response) => {
    if (error === null) this.#resolve(response as Res);
    else this.#reject(this.#state?.isEnding === true ? this.#state.failure : error);
  };

  /** Settles with the stream at the latest. */
  follow(state: CallState): void {
    this.#state = state;
    state.whenEnded(() => this.#reject(state.failure));
  }
}
