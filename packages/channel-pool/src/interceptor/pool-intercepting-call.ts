import { Metadata, status, type InterceptingCall, type InterceptorOptions, type StatusObject } from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';
import { messageOf, type MessageContext } from '@grpc-manifold/core/internal';

/** What an `InterceptingCall` goes on with; grpc-js exports no name for it. */
type NextInterceptingCall = ConstructorParameters<typeof InterceptingCall>[0];
type Listener = NonNullable<Parameters<NextInterceptingCall['start']>[1]>;
type MethodDefinition = InterceptorOptions['method_definition'];

/**
 * Ends a chain of interceptors on a call of the pool: turns messages into bytes and back, as grpc-js does below the
 * last interceptor. A response that is one message is read at once, and its lack is told as a null message.
 */
export class PoolInterceptingCall implements NextInterceptingCall {
  constructor(
    private readonly call: ChannelCall,
    private readonly method: MethodDefinition,
  ) {}

  start(metadata: Metadata, listener: Listener = {}): void {
    let parsingError: StatusObject | undefined;
    let hasMessage = false;
    this.call.start(metadata, {
      onReceiveMetadata: (received) => listener.onReceiveMetadata?.(received),
      onReceiveMessage: (bytes: Buffer) => {
        let message: unknown;
        try {
          message = this.method.responseDeserialize(bytes);
        } catch (error) {
          const details = `Response message parsing error: ${messageOf(error)}`;
          parsingError = { code: status.INTERNAL, details, metadata: new Metadata() };
          this.call.cancelWithStatus(parsingError.code, details);
          return;
        }
        hasMessage = true;
        listener.onReceiveMessage?.(message);
      },
      onReceiveStatus: (received) => {
        if (!this.method.responseStream && !hasMessage) listener.onReceiveMessage?.(null);
        // A server may have ended the call before our own ending could.
        listener.onReceiveStatus?.(parsingError ?? received);
      },
    });
    if (!this.method.responseStream) this.call.startRead();
  }

  sendMessage(message: unknown): void {
    this.sendMessageWithContext({}, message);
  }

  sendMessageWithContext(context: MessageContext, message: unknown): void {
    let bytes: Buffer;
    try {
      bytes = this.method.requestSerialize(message);
    } catch (error) {
      this.cancelWithStatus(status.INTERNAL, `Request message serialization failure: ${messageOf(error)}`);
      return;
    }
    this.call.sendMessageWithContext(context, bytes);
  }

  startRead(): void {
    this.call.startRead();
  }

  halfClose(): void {
    this.call.halfClose();
  }

  cancelWithStatus(code: status, details: string): void {
    this.call.cancelWithStatus(code, details);
  }

  getPeer(): string {
    return this.call.getPeer();
  }

  getAuthContext(): ReturnType<ChannelCall['getAuthContext']> {
    return this.call.getAuthContext();
  }
}
