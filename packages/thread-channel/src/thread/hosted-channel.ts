import { Channel, type ChannelInterface, type connectivityState } from '@grpc/grpc-js';
import type { ChannelCall } from '@grpc-manifold/core';
import { ObservedConnection, systemClock, type Connection } from '@grpc-manifold/core/internal';
import { credentialsOf } from '../crossing/credentials-recipe.js';
import { Record } from '../wire/batch.js';
import type { Command } from '../wire/command.js';
import type { AuthContext, ThreadEvent } from '../wire/thread-event.js';
import type { Outbox } from '../wire/outbox.js';
import { changesOf, UNSEEN, writeSnapshot, type ConnectionSnapshot } from '../wire/connection-snapshot.js';

/** What a channel is opened by. */
export type Opening = Extract<Command, { kind: 'open' }>;

/**
 * Makes the connection of a channel.
 *
 * @throws what grpc-js throws for a target or options that it cannot use.
 */
export function connectionFor({ target, options, credentials: recipe, isOnce }: Opening): Connection {
  // Nobody can ask for channelz in this thread: the channel that its user asks is on the calling thread.
  const channelOptions = { ...options, 'grpc.enable_channelz': 0 };
  const credentials = credentialsOf(recipe);
  const observed = { target, credentials, channelOptions, clock: systemClock };
  if (isOnce) return new ObservedConnection(observed);
  return new ObservedConnection({ ...observed, channel: new Channel(target, credentials, channelOptions) });
}

/** A channel in the thread, with what the calling thread is told of its connection. */
export class HostedChannel {
  #toldAuth: AuthContext | null = null;
  /** As its calls tell it. */
  #peer: string | undefined;
  #isClosed = false;
  #told: ConnectionSnapshot = UNSEEN;
  #isFollowed = false;

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
      // One that may connect more than once goes on being followed.
      if (this.#isFollowed) this.channel.getConnectivityState(true);
      else this.connection.connect((state) => this.#tellState(state));
      this.#isFollowed = true;
    } catch (error) {
      this.outbox.post({ kind: 'refused', channel: this.id, error: String(error) });
    }
  }

  /** Asks the other end for an answer of a kind. */
  ask(kind: 'ask' | 'ping', question: number): void {
    const answer = (isAnswered: boolean): void => {
      // The snapshot goes first: the answer may depend on it.
      this.tellSight();
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
    this.tellSight();
    this.outbox.post({ kind: 'closed', channel: this.id, forcedSockets });
  }

  /** Tells the calling thread who is at the other end of a call, where that is somebody else than for the last. */
  tellOtherEnd(call: ChannelCall): void {
    // grpc-js has one object for each connection.
    const context = call.getAuthContext();
    if (context !== null && context !== this.#toldAuth) {
      this.#toldAuth = context;
      this.outbox.post({ kind: 'auth', channel: this.id, context });
    }
    // Where its sockets are not seen, or have no port.
    if (this.connection.peer !== undefined) return;
    const peer = call.getPeer();
    // Without a connection it is the target.
    if (peer === this.#peer || peer === this.channel.getTarget()) return;
    this.#peer = peer;
    this.outbox.post({ kind: 'peer', channel: this.id, peer });
  }

  /** Tells what has changed of what is to be seen of the connection. */
  tellSight(): void {
    const changes = changesOf(this.connection, this.#told);
    if (changes === 0) return;
    const to = this.outbox.open();
    to.u8(Record.Sight);
    to.u32(this.id);
    this.#told = writeSnapshot(to, changes, this.connection, this.#told);
  }

  #tellState(state: connectivityState): void {
    if (this.#isClosed) return;
    this.tellSight();
    const to = this.outbox.open();
    to.u8(Record.State);
    to.u32(this.id);
    to.u8(state);
  }
}
