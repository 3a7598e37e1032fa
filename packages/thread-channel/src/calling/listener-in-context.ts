import type { AsyncResource } from 'node:async_hooks';
import type { InterceptingListener } from '@grpc/grpc-js';

/** Wraps a listener so that its callbacks run in the async context of its call. */
export function listenerIn(context: AsyncResource, listener: InterceptingListener): InterceptingListener {
  return {
    onReceiveMetadata: (metadata) => context.runInAsyncScope(() => listener.onReceiveMetadata(metadata)),
    onReceiveMessage: (message: unknown) => context.runInAsyncScope(() => listener.onReceiveMessage(message)),
    onReceiveStatus: (ending) => context.runInAsyncScope(() => listener.onReceiveStatus(ending)),
  };
}
