import {
  Metadata,
  status,
  type InterceptingCall,
  type InterceptingListener,
  type InterceptorOptions,
} from '@grpc/grpc-js';

type NextInterceptingCall = ConstructorParameters<typeof InterceptingCall>[0];

/** The call below an interceptor: it records what arrives, and a test can answer. */
export class ScriptedInnerCall {
  metadata: Metadata | undefined;
  /** All operations on the call, in order. */
  readonly log: string[] = [];
  readonly messages: unknown[] = [];
  hasEnded = false;
  #listener: Partial<InterceptingListener> | undefined;

  constructor(
    readonly options: InterceptorOptions,
    private readonly script: ScriptedInnerCalls,
  ) {}

  get isRunning(): boolean {
    return this.#listener !== undefined && !this.hasEnded;
  }

  readonly call: NextInterceptingCall = {
    start: (metadata: Metadata, listener?: Partial<InterceptingListener>) => {
      this.log.push('start');
      this.metadata = metadata;
      this.#listener = listener;
      this.script.onStart(this);
    },
    startRead: () => void this.log.push('read'),
    sendMessage: (message: unknown) => this.call.sendMessageWithContext({}, message),
    sendMessageWithContext: (context: { callback?: () => void }, message: unknown) => {
      this.log.push(`send ${String(message)}`);
      this.messages.push(message);
      this.script.onMessage(this);
      context.callback?.();
    },
    halfClose: () => void this.log.push('half-close'),
    cancelWithStatus: (code: status, details: string) => {
      this.log.push(`cancel ${status[code]}: ${details}`);
      if (!this.script.losesCancels) process.nextTick(() => this.end(code, details));
    },
    getPeer: () => 'peer of the call below',
    getAuthContext: () => null,
  };

  /** Sends initial metadata. */
  sendMetadata(metadata = new Metadata()): void {
    this.#listener?.onReceiveMetadata?.(metadata);
  }

  /** Sends a message. */
  send(message: unknown): void {
    this.#listener?.onReceiveMessage?.(message);
  }

  /** Ends the call with a status. Does nothing when it has ended. */
  end(code: status = status.OK, details = '', metadata = new Metadata()): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.endAgain(code, details, metadata);
  }

  /** Delivers a status even when the call has ended. */
  endAgain(code: status = status.OK, details = '', metadata = new Metadata()): void {
    this.#listener?.onReceiveStatus?.({ code, details, metadata });
  }
}

/** Creates the calls below an interceptor, and defines how they behave. */
export class ScriptedInnerCalls {
  /** The calls in the order of their creation. */
  readonly calls: ScriptedInnerCall[] = [];
  /** An error that is thrown instead of creating a call. */
  broken: Error | undefined;
  /** True when a cancelled call gets no status, as a grpc-js call that was not started. */
  losesCancels = false;
  /** Runs inside each start. */
  onStart: (call: ScriptedInnerCall) => void = () => undefined;
  /** Runs inside each sending of a message. */
  onMessage: (call: ScriptedInnerCall) => void = () => undefined;

  get running(): ScriptedInnerCall[] {
    return this.calls.filter((call) => call.isRunning);
  }

  readonly nextCall = (options: InterceptorOptions): InterceptingCall => {
    if (this.broken !== undefined) throw this.broken;
    const inner = new ScriptedInnerCall(options, this);
    this.calls.push(inner);
    // Interceptors use no other methods of a call.
    return inner.call as InterceptingCall;
  };
}
