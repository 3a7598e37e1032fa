import type { InterceptingListener, Metadata, StatusObject } from '@grpc/grpc-js';

// These are functions at module level so that `runInAsyncScope` can be called with them without allocating a closure.

/** Passes the response headers to the listener of a call. */
export function tellMetadata(listener: InterceptingListener | undefined, metadata: Metadata): void {
  listener?.onReceiveMetadata(metadata);
}

/** Passes a response message to the listener of a call. */
export function tellMessage(listener: InterceptingListener | undefined, message: unknown): void {
  listener?.onReceiveMessage(message);
}

/** Passes the status to the listener of a call. */
export function tellStatus(listener: InterceptingListener | undefined, ending: StatusObject): void {
  listener?.onReceiveStatus(ending);
}
