import type { InterceptingCall } from '@grpc/grpc-js';
import type { MessageContext, OperableCall } from '@grpc-manifold/core/internal';

/** What an `InterceptingCall` goes on with; grpc-js exports no name for it. */
export type NextInterceptingCall = ConstructorParameters<typeof InterceptingCall>[0];

/** The call below, where interceptors of others may throw: what they throw is told, and goes no further. */
export class GuardedCall implements OperableCall<unknown> {
  constructor(
    private readonly call: NextInterceptingCall,
    private readonly onThrow: (error: unknown) => void,
  ) {}

  startRead(): void {
    try {
      this.call.startRead();
    } catch (error) {
      this.onThrow(error);
    }
  }

  sendMessageWithContext(context: MessageContext, message: unknown): void {
    try {
      this.call.sendMessageWithContext(context, message);
    } catch (error) {
      this.onThrow(error);
    }
  }

  halfClose(): void {
    try {
      this.call.halfClose();
    } catch (error) {
      this.onThrow(error);
    }
  }
}
