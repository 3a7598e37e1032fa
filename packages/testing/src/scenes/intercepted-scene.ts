import {
  Metadata,
  type CallOptions,
  type Interceptor,
  type InterceptorOptions,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import type { CallKind, ChannelCall } from '@grpc-manifold/core';
import { ClientCall } from './client-call.js';
import { FakeClock } from '../clock/fake-clock.js';
import { ScriptedInnerCalls } from '../scripted/scripted-inner-call.js';

/** Options of a call in a scene. */
export interface InterceptedCallOptions {
  readonly kind?: Exclude<CallKind, 'unknown'>;
  readonly deadline?: Date | number;
  readonly host?: string;
  readonly parent?: ServerUnaryCall<unknown, unknown>;
  readonly flags?: number;
  readonly metadata?: Record<string, string>;
  /** The message of a unary call. Default 'hello'. */
  readonly message?: string;
}

/** An interceptor above scripted calls, with a fake clock. Messages are strings with one byte for each letter. */
export class InterceptedScene<Intercepting extends Interceptor> {
  readonly clock = new FakeClock();
  readonly below = new ScriptedInnerCalls();
  readonly interceptor: Intercepting;
  /** The number of serialized messages. */
  serialized = 0;

  constructor(make: (environment: { clock: FakeClock }) => Intercepting) {
    this.interceptor = make({ clock: this.clock });
  }

  /** Creates a call. */
  readonly create = (more: InterceptedCallOptions = {}): ClientCall => {
    const { kind = 'unary', deadline, host, parent, flags } = more;
    const callOptions: CallOptions = {
      ...(deadline === undefined ? {} : { deadline }),
      ...(host === undefined ? {} : { host }),
      ...(parent === undefined ? {} : { parent }),
      ...(flags === undefined ? {} : { propagate_flags: flags }),
    };
    const options: InterceptorOptions = {
      ...callOptions,
      method_definition: {
        path: '/echo.Echo/Call',
        requestStream: kind === 'client-stream' || kind === 'bidi',
        responseStream: kind === 'server-stream' || kind === 'bidi',
        requestSerialize: (text: string) => {
          this.serialized += 1;
          return Buffer.from(text);
        },
        responseDeserialize: String,
      },
    };
    // An intercepting call has all methods that a client uses.
    return new ClientCall(this.interceptor(options, this.below.nextCall) as unknown as ChannelCall);
  };

  /** Creates and starts a call. A call with a single request sends it in the same tick, as clients of grpc-js do. */
  readonly call = (more: InterceptedCallOptions = {}): ClientCall => {
    const { kind = 'unary', message = 'hello' } = more;
    const metadata = new Metadata();
    for (const [key, value] of Object.entries(more.metadata ?? {})) metadata.set(key, value);
    const made = this.create(more).start(metadata);
    if (kind === 'unary' || kind === 'server-stream') {
      made.call.sendMessageWithContext({}, message as unknown as Buffer);
      made.call.halfClose();
    }
    return made;
  };
}
