/// <reference lib="esnext.disposable" preserve="true" />
export { createPooledClient, type PooledClient, type PooledClientOf } from './create-pooled-client.js';
export type { ClientClass } from './client-class.js';
export { repool } from './repool.js';
export type { ClientOnlyOptions, PooledClientOptions } from './pooled-client-options.js';
export * from '@grpc-manifold/channel-pool';
export * from '@grpc-manifold/bounded-queue';
export * from '@grpc-manifold/circuit-breaker';
export * from '@grpc-manifold/connection-policy';
export * from '@grpc-manifold/stream-scope';
export * from '@grpc-manifold/thread-channel';
export * from '@grpc-manifold/core';
