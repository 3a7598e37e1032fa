import type { InterceptingListener, Metadata, StatusObject } from '@grpc/grpc-js';

// Functions of their own, so that entering a call's async context with one of them allocates nothing.

/** Tells the listener of a call of its headers. */
export function tellMetadata(listener: InterceptingListener | undefined, metadata: Metadata): void {
  listener?.onReceiveMetadata(metadata);
}

/** Tells the listener of a call of a message. */
export function tellMessage(listener: InterceptingListener | undefined, message: unknown): void {
  listener?.onReceiveMessage(message);
}

/** Tells the listener of a call of its status. */
export function tellStatus(listener: InterceptingListener | undefined, ending: StatusObject): void {
  listener?.onReceiveStatus(ending);
}
