import { createHash } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { Metadata, type ServiceError, type StatusObject } from '@grpc/grpc-js';
import type { EchoCallback, EchoResponse } from '@grpc-manifold/testing';

/** Everything that a client was told of one call, in order, without what differs from run to run by nature. */
export class RecordedEvents {
  readonly #events: unknown[] = [];
  readonly #over: Promise<void>;
  #end!: () => void;

  constructor() {
    this.#over = new Promise((resolve) => (this.#end = resolve));
  }

  get soFar(): unknown[] {
    return [...this.#events];
  }

  note(...event: unknown[]): void {
    this.#events.push(event);
  }

  /** The callback of a call with one response. */
  readonly callback: EchoCallback = (error, response) => {
    this.note(
      'callback',
      error === null ? null : errorOf(error),
      response === undefined ? undefined : responseOf(response),
    );
  };

  /** Listens to whatever the object of a call emits. */
  on<Call extends EventEmitter>(call: Call, data = true): Call {
    call.on('metadata', (metadata: Metadata) => this.note('metadata', metadataOf(metadata)));
    call.on('status', (status: StatusObject) => {
      this.note('status', statusOf(status));
      this.#end();
    });
    call.on('error', (error: ServiceError) => this.note('error', errorOf(error)));
    if (data && 'read' in call) {
      call.on('data', (response: EchoResponse) => this.note('data', responseOf(response)));
      call.on('end', () => this.note('end'));
    }
    return call;
  }

  /** Waits for the status and what follows it. */
  async over(): Promise<unknown[]> {
    await this.#over;
    await turn();
    await turn();
    return this.soFar;
  }
}

function metadataOf(metadata: Metadata): unknown {
  const { date: _date, ...rest } = metadata.toJSON();
  return Object.entries(rest);
}

/** How long a deadline was waited for, and for what, is said in words of each one's own. */
function detailsOf(details: string | undefined): string | undefined {
  return details?.replace(/Deadline exceeded after .*$/, 'Deadline exceeded after …');
}

function statusOf(status: StatusObject): unknown {
  return { code: status.code, details: detailsOf(status.details), metadata: metadataOf(status.metadata) };
}

function errorOf(error: ServiceError): unknown {
  if (!(error.metadata instanceof Metadata)) return { name: error.name, code: error.code, message: error.message };
  return {
    ...(statusOf(error) as object),
    name: error.name,
    message: detailsOf(error.message),
    tellsTheCaller: (error.stack ?? '').includes('for call at'),
  };
}

function responseOf(response: EchoResponse): unknown {
  const { payload, ...rest } = response;
  const digest = createHash('sha1').update(payload).digest('hex');
  return { ...rest, payload: payload.length > 64 ? `${payload.length} bytes, ${digest}` : payload.toString('latin1') };
}
