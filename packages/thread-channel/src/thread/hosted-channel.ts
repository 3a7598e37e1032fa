import { Channel, type ChannelInterface, type connectivityState } from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';
import { ObservedConnection, systemClock, type Connection } from '@grpc-manifold/core/internal';
import { credentialsOf } from '../crossing/credentials-recipe.js';
import { Record } from '../wire/batch.js';
import type { Command } from '../wire/command.js';
import type { AuthContext, ThreadEvent } from '../wire/thread-event.js';
import type { Outbox } from '../wire/outbox.js';
import { changesOf, UNSEEN, writeSnapshot, type ConnectionSnapshot } from '../wire/connection-snapshot.js';

/** The command that opens a channel. */
export type Opening = Extract<Command, { kind: 'open' }>;

/**
 * Makes the connection of a channel.
 *
 * @throws what grpc-js throws for a target or options that it cannot use.
 */
export function connectionFor({ target, options, credentials: recipe, isOnce }: Opening): Connection {
  // The user's channelz is on the calling thread and cannot see this channel.
  const channelOptions = { ...options, 'grpc.enable_channelz': 0 };
  const credentials = credentialsOf(recipe);
  const observed = { target, credentials, channelOptions, clock: systemClock };
  if (isOnce) return new ObservedConnection(observed);
  return new ObservedConnection({ ...observed, channel: new Channel(target, credentials, channelOptions) });
}

/** A channel in the worker thread. It reports the changes of its connection to the calling thread. */
export class HostedChannel {
  #sentAuth: AuthContext | null = null;
  /** The peer that was sent last, as grpc-js calls report it. */
  #peer: string | undefined;
  #isClosed = false;
  #sent: ConnectionSnapshot = UNSEEN;
  #isWatched = false;

  constructor(
    readonly id: number,
    readonly connection: Connection,
    private readonly outbox: Outbox<ThreadEvent>,
  ) {}

  get channel(): ChannelInterface {
    return this.connection.channel;
  }

  connect(): void {
    try {
      // A channel that reconnects keeps its first watcher of states.
      if (this.#isWatched) this.channel.getConnectivityState(true);
      else this.connection.connect((state) => this.#sendState(state));
      this.#isWatched = true;
    } catch (error) {
      this.outbox.post({ kind: 'refused', channel: this.id, error: String(error) });
    }
  }

  /** Asks the server for a sign of life: `ask` with SETTINGS, `ping` with PING. */
  ask(kind: 'ask' | 'ping', question: number): void {
    const answer = (isAnswered: boolean): void => {
      // The pool reads the snapshot when the answer comes, so the snapshot goes first.
      this.sendSnapshot();
      this.outbox.post({ kind: 'answer', channel: this.id, question, isAnswered });
    };
    const isAsked =
      kind === 'ask'
        ? this.connection.ask(answer)
        : this.connection.ping(() => answer(this.connection.session !== 'destroyed'));
    if (!isAsked) answer(false);
  }

  closeChannel(): void {
    this.#isClosed = true;
    this.connection.closeChannel();
  }

  async close(reason: string): Promise<void> {
    this.#isClosed = true;
    const forcedSockets = await this.connection.close(reason);
    this.sendSnapshot();
    this.outbox.post({ kind: 'closed', channel: this.id, forcedSockets });
  }

  /** Sends the peer and the auth context of a call, if they differ from those sent last. */
  sendPeer(call: ChannelCall): void {
    // grpc-js has one auth context object for each connection, so identity tells whether it changed.
    const context = call.getAuthContext();
    if (context !== null && context !== this.#sentAuth) {
      this.#sentAuth = context;
      this.outbox.post({ kind: 'auth', channel: this.id, context });
    }
    // The snapshot has the peer, unless the socket is not observed or has no port.
    if (this.connection.peer !== undefined) return;
    const peer = call.getPeer();
    // Before the call has a connection, `getPeer` returns the target.
    if (peer === this.#peer || peer === this.channel.getTarget()) return;
    this.#peer = peer;
    this.outbox.post({ kind: 'peer', channel: this.id, peer });
  }

  /** Sends what has changed in the connection's snapshot. */
  sendSnapshot(): void {
    const changes = changesOf(this.connection, this.#sent);
    if (changes === 0) return;
    const to = this.outbox.open();
    to.u8(Record.Snapshot);
    to.u32(this.id);
    this.#sent = writeSnapshot(to, changes, this.connection, this.#sent);
  }

  #sendState(state: connectivityState): void {
    if (this.#isClosed) return;
    this.sendSnapshot();
    const to = this.outbox.open();
    to.u8(Record.State);
    to.u32(this.id);
    to.u8(state);
  }
}
