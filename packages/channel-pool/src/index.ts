/// <reference lib="esnext.disposable" preserve="true" />
export { ChannelPool, type DrainOptions } from './channel-pool.js';
export type { SharedChannel } from './shared-channel.js';
export type { ChannelPoolOptions, ChannelPoolUpdate } from './options/options.js';
export type { PickerName } from './pickers/index.js';
export type { MemberView, Picker, PickOutcome } from './pickers/picker.js';
export type { WarmUpOptions } from './membership/warm-up.js';
export type { ScaleDecision } from './membership/scaling.js';
export type { ChannelPoolStats, ChannelStateChange, ChannelStats, DrainReport, PoolAlarm } from './reports/stats.js';
export { pooledChannelFactory } from './pooled-channel-factory.js';
export { poolInterceptor } from './interceptor/pool-interceptor.js';
export {
  ChannelPoolRegistry,
  type ChannelPoolRegistryStats,
  type PoolLease,
} from './registry/channel-pool-registry.js';
export type { ChannelPoolRegistryOptions } from './registry/registry-options.js';
