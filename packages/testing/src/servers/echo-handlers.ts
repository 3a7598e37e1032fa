import {
  Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { EchoRequest, EchoResponse } from './echo-service.js';
import type { EchoCounters } from './echo-stats.js';
import { FORWARDED_PEER } from '../peers/nginx-config.js';
import { later } from '../clock/real-time.js';

/** A status other than OK, in the form that grpc-js accepts. */
interface Failure {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

type Answer = (failure: Failure | null, response?: EchoResponse, trailers?: Metadata) => void;

/** The common part of the four kinds of server calls. */
type AnyCall = Pick<
  ServerUnaryCall<EchoRequest, EchoResponse>,
  'metadata' | 'sendMetadata' | 'getPeer' | 'getDeadline'
> & { once(event: 'cancelled', listener: () => void): unknown };

const EMPTY = Buffer.alloc(0);

/** Counts the start and the end of one call, and creates its responses. */
class EchoCall {
  isOver = false;
  sequence = 0;
  receivedMessages = 0;
  receivedBytes = 0;
  /** The trailing metadata. */
  readonly trailers = new Metadata();
  readonly #peer: string;
  #metadataSent = false;

  constructor(
    readonly call: AnyCall,
    readonly counters: EchoCounters,
  ) {
    this.#peer = peerOf(call);
    counters.start(this.#peer);
    call.once('cancelled', () => {
      if (this.#end()) counters.cancelledCalls += 1;
    });
  }

  /** Ends the call. Returns false when it has ended before. */
  finish(): boolean {
    const isFirst = this.#end();
    if (isFirst) this.counters.finishedCalls += 1;
    return isFirst;
  }

  receive(request: EchoRequest): void {
    this.receivedMessages += 1;
    this.receivedBytes += request.payload?.length ?? 0;
    if (request.sendInitialMetadata === true && !this.#metadataSent) {
      this.#metadataSent = true;
      const metadata = new Metadata();
      this.#echo(request.echoMetadata, metadata);
      this.call.sendMetadata(metadata);
    }
    this.#echo(request.echoTrailers, this.trailers);
  }

  /** The status that a request asks for; undefined when it asks for none. */
  failure(request: EchoRequest): Failure | undefined {
    const code = request.statusCode ?? 0;
    return code === 0 ? undefined : { code, details: request.statusDetails ?? '', metadata: this.trailers };
  }

  respond(request: EchoRequest): EchoResponse {
    const metadata: Record<string, string> = {};
    for (const name of request.echoMetadata ?? []) {
      const values = this.call.metadata.get(name);
      if (values.length > 0) metadata[name] = values.map(String).join(', ');
    }
    return {
      payload: payloadOf(request),
      sequence: this.sequence++,
      receivedMessages: this.receivedMessages,
      receivedBytes: this.receivedBytes,
      metadata,
      details: request.describe === true ? this.#details() : null,
    };
  }

  #details(): NonNullable<EchoResponse['details']> {
    const deadlineMs = Number(this.call.getDeadline());
    return {
      peer: this.#peer,
      serverPid: process.pid,
      deadlineMs: Number.isFinite(deadlineMs) ? deadlineMs : 0,
    };
  }

  #echo(names: readonly string[] | undefined, into: Metadata): void {
    for (const name of names ?? []) {
      for (const value of this.call.metadata.get(name)) into.add(name, value);
    }
  }

  #end(): boolean {
    if (this.isOver) return false;
    this.isOver = true;
    this.counters.end(this.#peer);
    return true;
  }
}

/** Large payloads are all zeros: one buffer serves every response of its size. */
const zeros = new Map<number, Buffer>();

function payloadOf(request: EchoRequest): Buffer {
  const bytes = request.responseBytes ?? 0;
  if (bytes === 0) return request.payload ?? EMPTY;
  let payload = zeros.get(bytes);
  if (payload === undefined) zeros.set(bytes, (payload = Buffer.alloc(bytes)));
  return payload;
}

/** The address of the client. Behind a proxy, it is the address that the proxy forwards. */
function peerOf(call: AnyCall): string {
  const [forwarded] = call.metadata.get(FORWARDED_PEER);
  return forwarded === undefined ? call.getPeer() : String(forwarded);
}

function fails(request: EchoRequest): boolean {
  return (request.statusCode ?? 0) !== 0;
}

/** The number of responses. By default a call that hangs or fails sends none. */
function responseCountOf(request: EchoRequest): number {
  return request.responseCount ?? (request.hang === true || fails(request) ? 0 : 1);
}

/** Creates the handlers of the Echo service. @param defaultDelayMs the delay of requests without `delay_ms`. */
export function echoHandlers(counters: EchoCounters, defaultDelayMs: number): UntypedServiceImplementation {
  /** Calls `then` after the delay of the request; without a delay it sets no timer. */
  function inTime(request: EchoRequest, then: () => void): void {
    const delayMs = request.delayMs ?? defaultDelayMs;
    if (delayMs > 0) later(delayMs, 'the answer that was asked for', then);
    else then();
  }

  return {
    Unary(call: ServerUnaryCall<EchoRequest, EchoResponse>, callback: Answer) {
      const echo = new EchoCall(call, counters);
      const { request } = call;
      echo.receive(request);
      if (request.hang === true) return;
      inTime(request, () => {
        if (!echo.finish()) return;
        const failure = echo.failure(request);
        if (failure === undefined) callback(null, echo.respond(request), echo.trailers);
        else callback(failure);
      });
    },

    ServerStream(call: ServerWritableStream<EchoRequest, EchoResponse>) {
      const echo = new EchoCall(call, counters);
      const { request } = call;
      echo.receive(request);
      let left = responseCountOf(request);
      const send = (): void => {
        while (left > 0 && !echo.isOver) {
          left -= 1;
          if (!call.write(echo.respond(request)) && left > 0) {
            call.once('drain', send);
            return;
          }
        }
        if (request.hang === true || !echo.finish()) return;
        const failure = echo.failure(request);
        if (failure === undefined) call.end(echo.trailers);
        else call.emit('error', failure);
      };
      inTime(request, send);
    },

    ClientStream(call: ServerReadableStream<EchoRequest, EchoResponse>, callback: Answer) {
      const echo = new EchoCall(call, counters);
      let first: EchoRequest | undefined;
      let hangs = false;
      call.on('data', (request: EchoRequest) => {
        echo.receive(request);
        first ??= request;
        if (request.hang === true) hangs = true;
        const failure = echo.failure(request);
        if (failure !== undefined && !hangs) inTime(request, () => echo.finish() && callback(failure));
      });
      call.on('end', () => {
        const request = first ?? {};
        if (hangs || fails(request)) return;
        inTime(request, () => echo.finish() && callback(null, echo.respond(request), echo.trailers));
      });
      call.on('error', ignore);
    },

    Bidi(call: ServerDuplexStream<EchoRequest, EchoResponse>) {
      const echo = new EchoCall(call, counters);
      let unanswered = 0;
      let hasEnded = false;
      let hangs = false;
      const endWhenAnswered = (): void => {
        if (hasEnded && unanswered === 0 && !hangs && echo.finish()) call.end(echo.trailers);
      };
      const answer = (request: EchoRequest): void => {
        for (let left = responseCountOf(request); left > 0 && !echo.isOver; left -= 1) {
          // Stops reading while the client does not read: responses would otherwise fill the memory.
          if (!call.write(echo.respond(request)) && !call.isPaused()) {
            call.pause();
            call.once('drain', () => call.resume());
          }
        }
        unanswered -= 1;
        const failure = echo.failure(request);
        if (failure !== undefined && !hangs && echo.finish()) call.emit('error', failure);
        endWhenAnswered();
      };
      call.on('data', (request: EchoRequest) => {
        echo.receive(request);
        if (request.hang === true) hangs = true;
        unanswered += 1;
        inTime(request, () => answer(request));
      });
      call.on('end', () => {
        hasEnded = true;
        endWhenAnswered();
      });
    },
  };
}

/** Ignores an error that the 'cancelled' event reports as well. */
function ignore(): void {}
