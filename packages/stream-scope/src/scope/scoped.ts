import type { ClientDuplexStream, ClientReadableStream, ClientWritableStream } from '@grpc/grpc-js';
import type { CallKind } from '@grpc-manifold/core';
import { systemClock, type Clock } from '@grpc-manifold/core/internal';
import { creationLine, type CallSite } from '../open-streams/creation-line.js';
import { recordOf } from '../open-streams/stream-records.js';
import { CallState } from '../ending/call-state.js';
import { ignore } from '../ending/handled.js';
import { resolveScopeOptions, type ResolvedScopeOptions, type ScopeOptions } from './options.js';
import { OwnedDuplex } from '../owned/owned-duplex.js';
import { OwnedReadable } from '../owned/owned-readable.js';
import { OwnedUpload } from '../owned/owned-upload.js';
import { describeCall, isReadable, isWritable, type RawCall } from '../ending/raw-call.js';
import type { ScopedDuplex } from './scoped-duplex.js';
import type { ScopedReadable } from './scoped-readable.js';
import type { ScopedUpload } from './scoped-upload.js';
import { UploadResponse, type UnaryCallback } from '../messages/upload-response.js';

/** What a stream lives in: what it tells the time by, for tests. */
export interface ScopeEnvironment {
  readonly clock?: Clock;
}

/** What a scope fills in for the streams that are added to it. */
export interface ScopeSurroundings extends ScopeEnvironment {
  readonly where: string;
  readonly defaults?: ResolvedScopeOptions;
}

const owned = new WeakSet<object>();

/**
 * Gives a streaming call an owner: `using stream = scoped(client.watch(request))`. Leaving the scope, or a loop over
 * the stream, by whatever road ends the RPC. Works on any client of grpc-js; the call stays usable beside it, and
 * errors that somebody listens for on it still come.
 *
 * Scope a call where it is made. Until then nothing bounds what flows in, and nobody ends it.
 *
 * @throws TypeError when it is no stream that can be read, or is scoped already; TypeError or RangeError for a bad
 * option, and then the call is cancelled: nobody would own it.
 */
export function scoped<Req, Res>(
  call: ClientDuplexStream<Req, Res>,
  options?: ScopeOptions,
  environment?: ScopeEnvironment,
): ScopedDuplex<Req, Res>;
export function scoped<Res>(
  call: ClientReadableStream<Res>,
  options?: ScopeOptions,
  environment?: ScopeEnvironment,
): ScopedReadable<Res>;
export function scoped(call: unknown, options?: ScopeOptions, environment: ScopeEnvironment = {}): unknown {
  return own(call, options, { ...environment, where: 'scoped' }, scoped);
}

/**
 * Gives a client-streaming call an owner: `using upload = scopedUpload((callback) => client.upload(callback))`.
 *
 * @param open makes the call, with the callback that it is given. Runs at once.
 * @throws TypeError or RangeError for a bad option, before the call is made; TypeError when `open` does not return a
 * client-streaming call; what `open` throws.
 */
export function scopedUpload<Req, Res>(
  open: (callback: UnaryCallback<Res>) => ClientWritableStream<Req>,
  options?: ScopeOptions,
  environment: ScopeEnvironment = {},
): ScopedUpload<Req, Res> {
  if (typeof open !== 'function') throw new TypeError('scopedUpload: open must be a function that makes the call');
  const resolved = resolveScopeOptions('scopedUpload', options);
  const response = new UploadResponse<Res>();
  const call: unknown = open(response.callback);
  if (!isWritable(call) || isReadable(call)) {
    const what = isReadable(call) ? 'a stream that is read, which scoped() takes' : describeCall(call);
    if (isReadable(call)) cancelUnowned(call);
    throw new TypeError(`scopedUpload: open must return a client-streaming call, got ${what}`);
  }
  const state = take(call, 'client-stream', resolved, { ...environment, where: 'scopedUpload' }, scopedUpload);
  response.follow(state);
  return new OwnedUpload<Req, Res>(state, response.promise);
}

/** @param caller the function that the user called: the line that opened the stream is the one that called it. */
export function own(
  call: unknown,
  options: ScopeOptions | undefined,
  surroundings: ScopeSurroundings,
  caller: (...args: never[]) => unknown = own,
): OwnedReadable<unknown> | OwnedDuplex<unknown, unknown> {
  const { where, defaults } = surroundings;
  if (!isReadable(call)) {
    throw new TypeError(
      `${where}: call must be a server-streaming or bidirectional call of grpc-js, got ${describeCall(call)}`,
    );
  }
  refuseTwice(call, where);
  const resolved = orCancel(call, () => resolveScopeOptions(where, options, defaults));
  return isWritable(call)
    ? new OwnedDuplex(take(call, 'bidi', resolved, surroundings, caller))
    : new OwnedReadable(take(call, 'server-stream', resolved, surroundings, caller));
}

function take(
  call: RawCall,
  kind: CallKind,
  options: ResolvedScopeOptions,
  { where, clock = systemClock }: ScopeSurroundings,
  caller: CallSite,
): CallState {
  refuseTwice(call, where);
  owned.add(call);
  return new CallState(call, { ...options, kind, clock, openedAt: openingLine(call, options, caller) });
}

/** One that a pooled client has listed may have its line; whether it is among the sampled was decided then. */
function openingLine(call: object, { captureStack }: ResolvedScopeOptions, caller: CallSite): string | undefined {
  const listed = recordOf(call);
  if (listed === undefined) return creationLine(captureStack, caller);
  if (captureStack === true) listed.openedAt ??= creationLine(true, caller);
  return listed.openedAt;
}

function refuseTwice(call: object, where: string): void {
  if (owned.has(call)) throw new TypeError(`${where}: the call is scoped already; a stream has one owner`);
}

/** A call that is refused would have no owner. */
function orCancel<Result>(call: RawCall, decide: () => Result): Result {
  try {
    return decide();
  } catch (error) {
    cancelUnowned(call);
    throw error;
  }
}

function cancelUnowned(call: RawCall): void {
  call.on('error', ignore);
  call.cancel();
}
