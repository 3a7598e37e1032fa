import type { ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js';
import { openStreamOf, type OpenStream } from '../open-streams/open-stream.js';
import type { CallState } from '../ending/call-state.js';
import type { ScopeOptions } from '../scope/options.js';
import { stateOf } from '../owned/owned-stream.js';
import type { ScopedDuplex } from '../scope/scoped-duplex.js';
import type { ScopedReadable } from '../scope/scoped-readable.js';
import type { ScopedStream } from '../scope/scoped-stream.js';
import { own, type ScopeEnvironment } from '../scope/scoped.js';
import { DisposalErrors } from './disposal-errors.js';
import { resolveStreamScopeOptions, type ResolvedStreamScopeOptions, type StreamScopeOptions } from './options.js';

/** What a scope holds: streams by their inner state, and nested scopes by themselves. In the order of adding. */
type Members = Map<CallState | StreamScope, ScopedStream | StreamScope>;

/**
 * A group of streams with one lifetime, as `DisposableStack` is for resources: `using scope = new StreamScope()`. A
 * stream that ends leaves by itself. The scope keeps its streams from being taken for forgotten.
 */
export class StreamScope implements Disposable, AsyncDisposable {
  readonly #options: ResolvedStreamScopeOptions;
  readonly #environment: ScopeEnvironment;
  readonly #members: Members = new Map();
  readonly #nested = new Set<CallState | StreamScope>();
  readonly #onDisposed = new Set<() => void>();
  #isDisposed = false;

  /** @throws TypeError or RangeError for a bad option. */
  constructor(options?: StreamScopeOptions, environment: ScopeEnvironment = {}) {
    this.#options = resolveStreamScopeOptions(options);
    this.#environment = environment;
  }

  /**
   * Takes a stream, or another scope, into its lifetime, and returns it: a call of grpc-js scoped, anything else as it
   * is. A stream that was scoped before keeps its own options; the signal of the scope ends it as well.
   *
   * @param options of this stream, in place of those of the scope; its signal counts beside that of the scope.
   * @throws RangeError beyond `maxOpenStreams`, ReferenceError after disposal: the newcomer is cancelled. TypeError for
   * what is neither a stream nor a scope.
   */
  add<Req, Res>(call: ClientDuplexStream<Req, Res>, options?: ScopeOptions): ScopedDuplex<Req, Res>;
  add<Res>(call: ClientReadableStream<Res>, options?: ScopeOptions): ScopedReadable<Res>;
  add<Member extends ScopedStream | StreamScope>(member: Member): Member;
  add(member: unknown, options?: ScopeOptions): unknown {
    if (member instanceof StreamScope) return this.#addScope(member);
    const before = stateOf(member);
    if (before === undefined) return this.#addCall(member, options);
    if (options !== undefined) {
      throw new TypeError('StreamScope: add takes no options for a stream that has its own');
    }
    if (this.#members.has(before)) return member;
    this.#addStream(before, member as ScopedStream);
    for (const signal of this.#options.members.signals) before.watch(signal);
    return member;
  }

  /**
   * The streams that have no status yet, those of nested scopes included, in the order of adding. A frozen snapshot.
   */
  get openStreams(): readonly OpenStream[] {
    const open: OpenStream[] = [];
    for (const member of this.#members.keys()) {
      if (member instanceof StreamScope) open.push(...member.openStreams);
      else open.push(openStreamOf(member.record));
    }
    return Object.freeze(open);
  }

  /** True after disposal. */
  get disposed(): boolean {
    return this.#isDisposed;
  }

  /**
   * Cancels every stream, the one that was added last first.
   *
   * @throws what disposals threw, several as a `SuppressedError`. How calls ended is no reason.
   */
  [Symbol.dispose](): void {
    const errors = new DisposalErrors();
    for (const member of this.#leave()) {
      try {
        member[Symbol.dispose]();
      } catch (error) {
        errors.add(error);
      }
    }
    errors.throwIfAny();
  }

  /**
   * Cancels or drains every stream as its `onDispose` says, and resolves when all have their status. It begins with the
   * one that was added last and waits for all together: many that drain take no longer than one.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    const errors = new DisposalErrors();
    const disposals = this.#leave().map((member) => member[Symbol.asyncDispose]());
    for (const outcome of await Promise.allSettled(disposals)) {
      if (outcome.status === 'rejected') errors.add(outcome.reason);
    }
    errors.throwIfAny();
  }

  /** Closes the scope; all that was in it, last first. */
  #leave(): (ScopedStream | StreamScope)[] {
    this.#isDisposed = true;
    const members = [...this.#members.values()].reverse();
    for (const leave of this.#onDisposed) leave();
    this.#onDisposed.clear();
    return members;
  }

  #addScope(scope: StreamScope): StreamScope {
    if (scope.#holds(this)) throw new TypeError('StreamScope: a scope cannot be added to itself, or to one within it');
    if (this.#isDisposed) {
      scope[Symbol.dispose]();
      throw disposedError();
    }
    if (scope.#isDisposed || this.#members.has(scope)) return scope;
    this.#members.set(scope, scope);
    this.#nested.add(scope);
    scope.#onDisposed.add(leaving(scope, this.#members, this.#nested));
    return scope;
  }

  /** True for itself, and for a scope that is within it at any depth. */
  #holds(scope: StreamScope): boolean {
    if (scope === this) return true;
    for (const member of this.#nested) if (member instanceof StreamScope && member.#holds(scope)) return true;
    return false;
  }

  #addCall(call: unknown, options: ScopeOptions | undefined): ScopedStream {
    const stream = own(call, options, { ...this.#environment, where: 'StreamScope', defaults: this.#options.members });
    this.#addStream(stream.state, stream);
    return stream;
  }

  /** A newcomer that there is no place for is cancelled: nobody else would end it. */
  #addStream(state: CallState, stream: ScopedStream): void {
    const { maxOpenStreams } = this.#options;
    const isFull = this.#members.size - this.#nested.size >= maxOpenStreams;
    if (isFull || this.#isDisposed) {
      stream[Symbol.dispose]();
      if (this.#isDisposed) throw disposedError();
      throw new RangeError(`StreamScope: maxOpenStreams of ${maxOpenStreams} are open: the newcomer was cancelled`);
    }
    if (state.hasEnded) return;
    this.#members.set(state, stream);
    state.whenEnded(leaving(state, this.#members));
  }
}

/**
 * Streams live as long as their calls: they must not keep a scope that was forgotten, and with it what the user held.
 */
function leaving(member: CallState | StreamScope, ...places: Pick<Members, 'delete'>[]): () => void {
  const weak = places.map((place) => new WeakRef(place));
  return () => weak.forEach((place) => void place.deref()?.delete(member));
}

function disposedError(): ReferenceError {
  return new ReferenceError('StreamScope: it is disposed of: the newcomer was cancelled');
}
