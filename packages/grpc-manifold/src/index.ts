/// <reference lib="esnext.disposable" preserve="true" />
export { createPooledClient, type ClientClass, type PooledClient } from './create-pooled-client.js';
export { repool } from './repool.js';
export type { ClientOnlyOptions, PooledClientOptions } from './pooled-client-options.js';
export {
  ChannelPool,
  ChannelPoolRegistry,
  SharedChannel,
  poolInterceptor,
  pooledChannelFactory,
  type ChannelPoolEnvironment,
  type ChannelPoolOptions,
  type ChannelPoolRegistryOptions,
  type ChannelPoolRegistryStats,
  type ChannelPoolStats,
  type ChannelState,
  type ChannelStateChange,
  type ChannelStats,
  type DrainOptions,
  type DrainReport,
  type PoolLease,
  type ScaleDecision,
} from '@grpc-manifold/channel-pool';
export {
  boundedQueue,
  type BoundedQueueInterceptor,
  type BoundedQueueOptions,
  type QueueOptions,
  type QueueStats,
} from '@grpc-manifold/bounded-queue';
export {
  explain,
  type CallExplanation,
  type CallInfo,
  type CallKind,
  type ChannelFactory,
  type Event,
  type RefusedBy,
  type ShedReport,
  type TransportFault,
  type TransportFaultTag,
} from '@grpc-manifold/core';
