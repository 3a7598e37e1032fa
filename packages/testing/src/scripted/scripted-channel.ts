import { connectivityState, status, type ChannelInterface } from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';
import { ScriptedCall } from './scripted-call.js';

const { IDLE, CONNECTING, READY, TRANSIENT_FAILURE, SHUTDOWN } = connectivityState;

/** The target of every scripted channel. */
export const SCRIPTED_TARGET = 'dns:///scripted';

/** A channel without a network, whose states a test sets. It throws when it is used after close. */
export class ScriptedChannel implements ChannelInterface {
  readonly calls: ScriptedCall[] = [];
  state = IDLE;
  life = 0;
  isClosed = false;
  broken: Error | undefined;
  readonly misuse: string[] = [];
  #watchers: { seen: connectivityState; callback: (error?: Error) => void }[] = [];

  constructor(readonly id: number) {}

  get running(): ScriptedCall[] {
    return this.calls.filter((call) => call.isRunning);
  }

  get occupied(): number {
    return this.calls.filter((call) => call.occupies).length;
  }

  started(call: ScriptedCall): void {
    if (this.state === TRANSIENT_FAILURE) {
      process.nextTick(() => call.end(status.UNAVAILABLE, `scripted failure of ${this.id}`));
    } else if (this.state !== READY) {
      this.misuse.push(`a call was started in ${connectivityState[this.state]}`);
    } else {
      this.calls.push(call);
    }
  }

  /** Changes the state, as the network would. */
  become(state: connectivityState): void {
    if (this.isClosed || this.state === state) return;
    this.state = state;
    const due = this.#watchers.filter((watcher) => watcher.seen !== state);
    this.#watchers = this.#watchers.filter((watcher) => watcher.seen === state);
    for (const { callback } of due) callback();
  }

  /** Breaks the connection, and ends its calls. */
  lose(): void {
    const running = this.running;
    this.become(IDLE);
    for (const call of running) call.end(status.UNAVAILABLE, 'Connection dropped');
  }

  createCall(method: string, deadline: Date | number, host: string | null | undefined, parent: unknown): ChannelCall {
    if (this.isClosed) throw new Error('Channel has been shut down');
    if (this.broken !== undefined) throw this.broken;
    return new ScriptedCall(this, method, deadline, host, parent).call;
  }

  getConnectivityState(tryToConnect: boolean): connectivityState {
    if (this.isClosed && tryToConnect) this.misuse.push('a closed channel was told to connect');
    if (tryToConnect && this.state === IDLE && !this.isClosed) this.become(CONNECTING);
    return this.state;
  }

  watchConnectivityState(seen: connectivityState, deadline: Date | number, callback: (error?: Error) => void): void {
    if (this.isClosed) throw new Error('Channel has been shut down');
    if (deadline !== Infinity) this.misuse.push('a watch with a deadline holds the process');
    this.#watchers.push({ seen, callback });
  }

  getTarget(): string {
    return SCRIPTED_TARGET;
  }

  getChannelzRef(): ReturnType<ChannelInterface['getChannelzRef']> {
    return { kind: 'channel', id: this.id, name: SCRIPTED_TARGET } as ReturnType<ChannelInterface['getChannelzRef']>;
  }

  close(): void {
    if (this.isClosed) this.misuse.push('closed twice');
    this.isClosed = true;
    this.state = SHUTDOWN;
    for (const { callback } of this.#watchers.splice(0)) {
      try {
        callback();
      } catch (error) {
        this.misuse.push(`a watcher threw at close: ${String(error)}`);
      }
    }
  }
}
