/// <reference lib="esnext.disposable" preserve="true" />
export type { CallInfo, CallKind, ShedReport } from './contracts/call-info.js';
export type { ChannelCall, ChannelFactory } from './contracts/channel-factory.js';
export type {
  ChannelState,
  ChannelView,
  ConnectionPolicy,
  PolicyAction,
  PolicyReview,
  PoolView,
} from './contracts/connection-policy.js';
export { explain } from './explanation/explain.js';
export type { BreakerExplanation, CallExplanation, RefusedBy, WaitedFor } from './explanation/explanation.js';
export type { TransportFault, TransportFaultTag } from './faults/fault.js';
export type { Event } from './listeners/event.js';
