import type { EventEmitter } from 'node:events';
import {
  InterceptingCall,
  Metadata,
  status,
  type CallOptions,
  type Interceptor,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js';
import type { EchoClient, EchoRequest, EchoResponse } from '@grpc-manifold/testing';
import { expect } from 'vitest';
import { answersByCallback, type Kind } from './call-kind.js';

/** How a call is begun. */
export interface CallStart {
  readonly request?: EchoRequest;
  readonly metadata?: Metadata;
  readonly options?: CallOptions;
  /** Interceptors between the call and the channel: what comes out of them is what is recorded. */
  readonly below?: readonly Interceptor[];
  /** Whether a client that streams ends its side after the first request. Default: unless the request hangs. */
  readonly halfClose?: boolean;
  /** Runs inside the callback, or inside the 'status' listener of a stream. */
  readonly onOutcome?: () => void;
  /** Runs inside the 'data' listener of a stream. */
  readonly onMessage?: () => void;
  /** Runs inside the 'metadata' listener. */
  readonly onMetadata?: () => void;
}

/** The client's own object of a call, as far as its kind has it. */
interface CallObject extends Pick<EventEmitter, 'on'> {
  cancel(): void;
  write?(request: EchoRequest, callback?: () => void): boolean;
  end?(): void;
}

/** A call of a client, and everything that the client was told of it. */
export class RecordedCall {
  /**
   * What the channel, or what is above it, told: every status that came out of it, also one that a client would
   * overlook.
   */
  readonly statuses: StatusObject[] = [];
  readonly metadata: Metadata[] = [];
  readonly messages: EchoResponse[] = [];
  /** What the client told: calls of the callback, 'status', 'error' and 'end' events. */
  readonly told = { callbacks: 0, statuses: 0, errors: 0, ends: 0 };
  error: ServiceError | undefined;
  /** Settles when the client has told the outcome, before `onOutcome` runs. */
  readonly outcome: Promise<StatusObject>;
  readonly call: CallObject;
  #intercepting: InterceptingCall | undefined;
  #settle!: (outcome: StatusObject) => void;

  constructor(
    client: EchoClient,
    readonly kind: Kind,
    private readonly start: CallStart = {},
  ) {
    this.outcome = new Promise((resolve) => (this.#settle = resolve));
    const { request = {}, metadata = new Metadata() } = start;
    const interceptors = [...(start.options?.interceptors ?? []), this.#recorder, ...(start.below ?? [])];
    this.call = this.#begin(client, request, metadata, { ...start.options, interceptors });
    this.call.on('metadata', (received: Metadata) => {
      this.metadata.push(received);
      start.onMetadata?.();
    });
    this.call.on('error', (error: ServiceError) => {
      this.told.errors += 1;
      this.error = error;
    });
    this.call.on('status', (received: StatusObject) => {
      this.told.statuses += 1;
      if (!answersByCallback(kind)) this.#tell(received);
    });
    if (!answersByCallback(kind)) {
      this.call.on('data', (response: EchoResponse) => {
        this.messages.push(response);
        start.onMessage?.();
      });
      this.call.on('end', () => (this.told.ends += 1));
    }
    if (kind === 'client-stream' || kind === 'bidi') {
      this.call.write?.(request);
      if (start.halfClose ?? request.hang !== true) this.call.end?.();
    }
  }

  cancel(): void {
    this.call.cancel();
  }

  /** Writes one more message: by the client's stream where there is one, else past the client. */
  write(request: EchoRequest): Promise<void> {
    return new Promise((callback) => {
      if (this.call.write !== undefined) this.call.write(request, () => callback());
      else this.#intercepting?.sendMessageWithContext({ callback: () => callback() }, request);
    });
  }

  /** The outcome was told once, by every way that the kind has. */
  expectOneOutcome(): void {
    expect(this.statuses).toHaveLength(1);
    const failed = this.statuses[0]?.code !== status.OK;
    // A callback that throws keeps grpc-js from its own 'status' event.
    const statuses = this.start.onOutcome !== undefined && answersByCallback(this.kind) ? 0 : 1;
    expect(this.told).toEqual(
      answersByCallback(this.kind)
        ? { callbacks: 1, statuses, errors: 0, ends: 0 }
        : { callbacks: 0, statuses, errors: failed ? 1 : 0, ends: 1 },
    );
  }

  #begin(client: EchoClient, request: EchoRequest, metadata: Metadata, options: CallOptions): CallObject {
    const callback = (error: ServiceError | null, response?: EchoResponse): void => {
      this.told.callbacks += 1;
      if (response !== undefined) this.messages.push(response);
      if (error !== null) this.error = error;
      this.#tell(error ?? { code: status.OK, details: '', metadata: new Metadata() });
    };
    switch (this.kind) {
      case 'unary':
        return client.unary(request, metadata, options, callback);
      case 'server-stream':
        return client.serverStream(request, metadata, options);
      case 'client-stream':
        return client.clientStream(metadata, options, callback);
      case 'bidi':
        return client.bidi(metadata, options);
    }
  }

  #tell(outcome: StatusObject): void {
    this.#settle(outcome);
    this.start.onOutcome?.();
  }

  /** The last interceptor before the channel, and those that belong to it. */
  readonly #recorder: Interceptor = (options, nextCall) => {
    const record = (received: StatusObject): void => void this.statuses.push(received);
    this.#intercepting = new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) =>
        next(metadata, {
          onReceiveStatus: (received, nextStatus) => {
            record(received);
            nextStatus(received);
          },
        }),
    });
    return this.#intercepting;
  };
}
