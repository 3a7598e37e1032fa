/// <reference lib="esnext.disposable" preserve="true" />
export { MAX_TIMER_MS, systemClock, type Clock, type Timer } from './clock.js';
export { systemRandom, type Random } from './random.js';
export { Emitter, type Event } from './event.js';
export type { TransportFault, TransportFaultTag } from './fault.js';
export {
  endsCalls,
  faultOfFailedAttempt,
  faultOfLostCall,
  faultOfLostConnection,
  faultOfStatus,
  wasSent,
  type CarryingConnection,
  type Goaway,
  type LostConnection,
} from './classify-fault.js';
export type {
  ChannelState,
  ChannelView,
  ConnectionPolicy,
  PolicyAction,
  PolicyReview,
  PoolView,
} from './connection-policy.js';
export { deadlineStatus } from './deadline-status.js';
export { explain } from './explain.js';
export { explainedStatus, explanationOf, markStatus } from './explain-object.js';
export type { BreakerExplanation, CallExplanation, RefusedBy, WaitedFor } from './explanation.js';
export { wordedStatus, type Wording } from './wording/wording.js';
export { EARLY_DROP, QUEUE_BYTES, QUEUE_FULL, QUEUE_SHARE, QUEUE_TIME, THREW_BELOW } from './wording/queue-wordings.js';
export { BREAKER, roundedRatio } from './wording/breaker-wording.js';
export { CANCELLED, CLOSED, GIVEN_UP, NO_CONNECTION, NOT_PROCESSED, NOT_TAKEN } from './wording/pool-wordings.js';
export { callKindOf, type CallInfo, type CallKind, type ShedReport } from './call-info.js';
export type { ChannelCall, ChannelFactory } from './channel-factory.js';
export { Line, Place } from './line.js';
export { unsendable } from './unsendable.js';
export { messageOf } from './message-of.js';
export { tellMessage, tellMetadata, tellStatus } from './tell-listener.js';
export { throwLater } from './throw-later.js';
export { warn } from './warn.js';
export { promptly } from './promptly.js';
export { currentTurn } from './turn.js';
export { OptionReader, mustNotBeInterceptor, unknownOption } from './option.js';
export { withAdvice } from './failed-attempt-advice.js';
export { nearestName } from './nearest-name.js';
export { DeadlineTimers, type Timed } from './deadline-timers.js';
export { callDeadlineMs, currentDeadlineMs, deadlineMsOf, dueMsOf } from './call-deadline.js';
export { HeldOperations, settleWrite, type MessageContext, type OperableCall } from './held-operations.js';
export { attachToParent, detachFromParent, propagates, type ChildCall, type ParentCall } from './parent-calls.js';
export {
  CONNECTION,
  connectionOf,
  type ConnectedChannel,
  type Connection,
  type SessionState,
} from './connection/connection.js';
export { hearSocket } from './connection/heard-socket.js';
export { ObservedConnection, type ObservedConnectionSettings } from './connection/observed-connection.js';
export { registerRotatedPickFirst, rotated, ROTATED_PICK_FIRST } from './connection/rotated-pick-first.js';
export { isXdsTarget } from './connection/xds-target.js';
