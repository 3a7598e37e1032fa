/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Code that the packages of grpc-manifold share. It may change in any release. Users import the main entry, which
 * exports the contracts and `explain()`.
 */
export { MAX_TIMER_MS, systemClock, type Clock, type Timer } from './time/clock.js';
export { systemRandom, type Random } from './time/random.js';
export { deadlineStatus } from './time/deadline-status.js';
export { currentTurn } from './time/turn.js';
export { DeadlineTimers, type Timed } from './time/deadline-timers.js';
export { callDeadlineMs, currentDeadlineMs, deadlineMsOf, dueMsOf } from './time/call-deadline.js';
export { Emitter } from './listeners/event.js';
export { messageOf } from './listeners/message-of.js';
export { promptly } from './listeners/promptly.js';
export { tellMessage, tellMetadata, tellStatus } from './listeners/tell-listener.js';
export { throwLater } from './listeners/throw-later.js';
export { OnceWarnings } from './listeners/once-warnings.js';
export { warn } from './listeners/warn.js';
export { watchAbort } from './listeners/abort-watch.js';
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
} from './faults/classify-fault.js';
export { withAdvice } from './faults/failed-attempt-advice.js';
export { explainedStatus, explanationOf, markStatus } from './explanation/explain-object.js';
export { wordedStatus, type Wording } from './wording/wording.js';
export { refusal } from './wording/refusal.js';
export { roundedRatio } from './wording/refusal-reasons.js';
export { CANCELLED, GIVEN_UP, NOT_PROCESSED, NOT_TAKEN, THREW_BELOW } from './wording/ending-wordings.js';
export { callKindOf } from './contracts/call-info.js';
export { LinkedList, ListNode } from './lists/linked-list.js';
export { HeldOperations, settleWrite, type MessageContext, type OperableCall } from './calls/held-operations.js';
export { attachToParent, detachFromParent, propagates, type ChildCall, type ParentCall } from './calls/parent-calls.js';
export { unsendable } from './calls/unsendable.js';
export { OptionReader, mustNotBeInterceptor, unknownOption } from './options/option.js';
export { nearestName } from './options/nearest-name.js';
export {
  CONNECTION,
  connectionOf,
  type ConnectedChannel,
  type Connection,
  type SessionState,
} from './connection/connection.js';
export { watchSocketClose } from './connection/socket-close-watch.js';
export { ObservedConnection, type ObservedConnectionSettings } from './connection/observed-connection.js';
export { registerRotatedPickFirst, rotated, ROTATED_PICK_FIRST } from './connection/rotated-pick-first.js';
export { isXdsTarget } from './connection/xds-target.js';
