import type { EventEmitter } from 'node:events';
import {
  InterceptingCall,
  Metadata,
  status,
  type CallOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type Interceptor,
  type StatusObject,
} from '@grpc/grpc-js';
import type { EchoClient, EchoRequest, EchoResponse } from '@grpc-manifold/testing';
import { explain, type CallExplanation } from 'grpc-manifold';
import type { Kind } from './call-kind.js';
import { directedTo } from './directed-picker.js';
import { Signal } from './signal.js';

/** How a call is made. */
export interface CallStart {
  /** The connection that it is to go to, while that takes calls. Default: any. */
  readonly member?: number;
  readonly request?: EchoRequest;
  /** A stream whose client has not ended its side; a unary call that is answered by headers only. Default false. */
  readonly keepOpen?: boolean;
  /** Milliseconds from now. Default: no deadline. */
  readonly timeoutMs?: number;
  readonly waitForReady?: boolean;
  /** A stream of answers to one request. Default false: one of requests as well. */
  readonly isOneRequest?: boolean;
}

/** How a call ended, for its caller. */
export interface Outcome {
  readonly code: string;
  readonly details: string;
  readonly explanation: CallExplanation | undefined;
}

/** A call, and how often its caller was told that it had ended. */
export class WatchedCall {
  /** Statuses that came out of the pool. */
  statuses = 0;
  /** Callbacks of a unary call, 'status' events of a stream. */
  endings = 0;
  answers = 0;
  /** Settles when the caller is told how the call ended. */
  readonly outcome: Promise<Outcome>;
  readonly #progress = new Signal();
  #hasHeaders = false;
  /** Where the client sends more than one request. */
  #stream: ClientDuplexStream<EchoRequest, EchoResponse> | undefined;
  #settle!: (outcome: Outcome) => void;

  constructor(
    client: EchoClient,
    readonly kind: Kind,
    start: CallStart = {},
  ) {
    this.outcome = new Promise((resolve) => (this.#settle = resolve));
    const metadata = start.member === undefined ? new Metadata() : directedTo(start.member);
    if (start.waitForReady === true) metadata.setOptions({ waitForReady: true });
    const options: CallOptions = { interceptors: [this.#counter] };
    if (start.timeoutMs !== undefined) options.deadline = Date.now() + start.timeoutMs;
    const call =
      kind === 'unary' ? this.#unary(client, metadata, options, start) : this.#open(client, metadata, options, start);
    call.on('metadata', () => {
      this.#hasHeaders = true;
      this.#progress.changed();
    });
  }

  /** Resolves when the server has begun with it, which a client knows by the first answer or by headers. */
  async begun(): Promise<this> {
    await this.#progress.until(() => (this.kind === 'unary' ? this.#hasHeaders : this.answers > 0) || this.endings > 0);
    if (this.endings > 0) throw new Error(`a call ended before it was begun: ${JSON.stringify(await this.outcome)}`);
    return this;
  }

  /** Sends a message on an open stream and waits for its echo. Rejects when the stream ends instead. */
  async roundTrip(): Promise<void> {
    const answers = this.answers + 1;
    this.#stream?.write({});
    await this.#progress.until(() => this.answers >= answers || this.endings > 0);
    if (this.answers < answers) throw new Error(`the stream ended: ${JSON.stringify(await this.outcome)}`);
  }

  /** Ends the client's side of a stream. */
  finish(): Promise<Outcome> {
    this.#stream?.end();
    return this.outcome;
  }

  #unary(client: EchoClient, metadata: Metadata, options: CallOptions, start: CallStart): ClientUnaryCall {
    const waits = start.keepOpen === true ? { hang: true, sendInitialMetadata: true } : {};
    return client.unary({ ...waits, ...start.request }, metadata, options, (error) => {
      this.#end(error ?? { code: status.OK, details: '' }, error);
    });
  }

  #open(
    client: EchoClient,
    metadata: Metadata,
    options: CallOptions,
    { request = {}, isOneRequest = false, keepOpen = false }: CallStart,
  ): Pick<EventEmitter, 'on'> {
    if (isOneRequest) return this.#follow(client.serverStream(request, metadata, options));
    const stream = client.bidi(metadata, options);
    this.#stream = stream;
    this.#follow(stream);
    stream.write(request);
    if (!keepOpen) stream.end();
    return stream;
  }

  #follow(stream: ClientReadableStream<EchoResponse>): Pick<EventEmitter, 'on'> {
    let failure: unknown;
    stream.on('data', () => {
      this.answers += 1;
      this.#progress.changed();
    });
    stream.on('error', (error) => (failure = error));
    // After 'error', which has what explains it.
    stream.on('status', (ended: StatusObject) => setImmediate(() => this.#end(ended, failure ?? ended)));
    return stream;
  }

  #end(ended: Pick<StatusObject, 'code' | 'details'>, error: unknown): void {
    this.endings += 1;
    this.#settle({ code: status[ended.code], details: ended.details, explanation: explain(error) });
    this.#progress.changed();
  }

  /** Sits right above the pool. */
  readonly #counter: Interceptor = (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) =>
        next(metadata, {
          onReceiveStatus: (received, nextStatus) => {
            this.statuses += 1;
            nextStatus(received);
          },
        }),
    });
}
