import type { EventEmitter } from 'node:events';
import {
  Metadata,
  status,
  type CallOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ClientWritableStream,
  type StatusObject,
} from '@grpc/grpc-js';
import { Condition, type EchoClient, type EchoRequest, type EchoResponse } from '@grpc-manifold/testing';

/** How a call is made. */
export interface CallStart {
  readonly request?: EchoRequest;
  readonly metadata?: Metadata;
  readonly options?: CallOptions;
  /** Milliseconds from now. Default: no deadline. */
  readonly timeoutMs?: number;
  readonly waitForReady?: boolean;
}

/** A call, and all that its caller was told. */
export abstract class WatchedCall {
  abstract readonly call: { cancel(): void };
  /** What came, in order: 'metadata', 'message', and a status. */
  readonly events: string[] = [];
  readonly messages: EchoResponse[] = [];
  /** Settles with the name of the status when the caller is told how the call ended. */
  readonly ended: Promise<string>;
  /** How often the caller was told that it ended. */
  endings = 0;
  details = '';
  trailers: Metadata | undefined;
  readonly #condition = new Condition('the call', () => this.events.join(', ') || 'nothing came');
  #tell!: (code: string) => void;

  /** @param begin makes the call: it is given what is told at the end. */
  constructor(begin: (call: WatchedCall) => Pick<EventEmitter, 'on'>) {
    this.ended = new Promise((resolve) => (this.#tell = resolve));
    begin(this).on('metadata', () => this.#note('metadata'));
  }

  /** Waits until so many messages have come. Rejects when the call ends before. */
  async received(count: number): Promise<this> {
    await this.#condition.until(() => this.messages.length >= count || this.endings > 0);
    if (this.messages.length < count) throw new Error(`the call ended before message ${count}: ${this.details}`);
    return this;
  }

  /** Waits until headers have come. */
  async begun(): Promise<this> {
    await this.#condition.until(() => this.events.length > 0);
    return this;
  }

  take(message: EchoResponse): void {
    this.messages.push(message);
    this.#note('message');
  }

  end(ended: Pick<StatusObject, 'code' | 'details'> & { readonly metadata?: Metadata }): void {
    this.endings += 1;
    this.details = ended.details;
    this.trailers = ended.metadata;
    const code = status[ended.code] ?? String(ended.code);
    this.#note(code);
    this.#tell(code);
  }

  #note(event: string): void {
    this.events.push(event);
    this.#condition.changed();
  }
}

/** A unary call. */
export class UnaryCall extends WatchedCall {
  readonly call: ClientUnaryCall;

  constructor(client: EchoClient, start: CallStart = {}) {
    let made!: ClientUnaryCall;
    super((watched) => {
      const { request = {} } = start;
      made = client.unary(request, metadataOf(start), optionsOf(start), (error, response) => {
        if (response !== undefined) watched.take(response);
        watched.end(error ?? { code: status.OK, details: '' });
      });
      return made;
    });
    this.call = made;
  }
}

/** A stream of answers to one request: a subscription. */
export class Subscription extends WatchedCall {
  readonly call: ClientReadableStream<EchoResponse>;

  constructor(client: EchoClient, start: CallStart = {}) {
    let made!: ClientReadableStream<EchoResponse>;
    super((watched) => {
      made = client.serverStream(start.request ?? {}, metadataOf(start), optionsOf(start));
      return follow(made, watched);
    });
    this.call = made;
  }
}

/** A stream in both directions. */
export class Conversation extends WatchedCall {
  readonly call: ClientDuplexStream<EchoRequest, EchoResponse>;

  constructor(client: EchoClient, start: CallStart = {}) {
    let made!: ClientDuplexStream<EchoRequest, EchoResponse>;
    super((watched) => {
      made = client.bidi(metadataOf(start), optionsOf(start));
      return follow(made, watched);
    });
    this.call = made;
  }
}

/** A stream of requests with one answer. */
export class Upload extends WatchedCall {
  readonly call: ClientWritableStream<EchoRequest>;

  constructor(client: EchoClient, start: CallStart = {}) {
    let made!: ClientWritableStream<EchoRequest>;
    super((watched) => {
      made = client.clientStream(metadataOf(start), optionsOf(start), (error, response) => {
        if (response !== undefined) watched.take(response);
        watched.end(error ?? { code: status.OK, details: '' });
      });
      made.on('error', () => undefined);
      return made;
    });
    this.call = made;
  }
}

function follow<Stream extends ClientReadableStream<EchoResponse> | ClientDuplexStream<EchoRequest, EchoResponse>>(
  stream: Stream,
  watched: WatchedCall,
): Stream {
  stream.on('data', (message: EchoResponse) => watched.take(message));
  stream.on('error', () => undefined);
  stream.on('status', (ended: StatusObject) => watched.end(ended));
  return stream;
}

function metadataOf({ metadata = new Metadata(), waitForReady }: CallStart): Metadata {
  if (waitForReady !== undefined) metadata.setOptions({ waitForReady });
  return metadata;
}

function optionsOf({ options = {}, timeoutMs }: CallStart): CallOptions {
  return timeoutMs === undefined ? options : { ...options, deadline: Date.now() + timeoutMs };
}
