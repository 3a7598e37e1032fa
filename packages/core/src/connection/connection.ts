import type { ChannelInterface, connectivityState } from '@grpc/grpc-js';
import type { ChannelCall } from '../contracts/channel-factory.js';
import type { Goaway } from '../faults/classify-fault.js';

/**
 * Where the HTTP/2 session of a connection is: not seen (none yet, or it cannot be), open for questions and streams,
 * `closing` (GOAWAY, or its channel is closed: it takes questions and no more streams; those that it has may go on), or
 * `destroyed`.
 */
export type SessionState = 'unseen' | 'open' | 'closing' | 'destroyed';

/**
 * The one connection of a channel: what is to be seen of it and done to it beyond what a grpc-js channel offers. It is
 * made once and never again; it may live in another thread than the one that asks, and what is read is then as of the
 * last message from there.
 */
export interface Connection {
  /** What makes calls on it. */
  readonly channel: ChannelInterface;
  readonly session: SessionState;
  /**
   * SETTINGS_MAX_CONCURRENT_STREAMS of the server as it is now (RFC 9113, section 6.5.2); undefined where it cannot be
   * seen.
   */
  readonly serverLimit: number | undefined;
  /** Address and port of the other end, once connected. */
  readonly peer: string | undefined;
  /** Bytes that came in so far, on all of its sockets; 0 where they cannot be seen. */
  readonly bytesRead: number;
  /** True while a socket of it waits for the other end to answer its SYN. */
  readonly isConnecting: boolean;
  /** What the server said when it wanted no more streams. */
  readonly goaway: Goaway | undefined;
  /** What its socket ended with, where it was an error. */
  readonly error: { readonly message: string } | undefined;
  /** The lowest number that the stream of a call can have that is started now; 0 where that cannot be known here. */
  readonly nextStreamId: number;

  /**
   * Begins to connect, and tells each state of the channel from then on until the channel is closed; never READY before
   * the session is seen, where it can be.
   *
   * @throws what grpc-js throws for a channel that cannot connect.
   */
  connect(onState: (state: connectivityState) => void): void;
  /**
   * Asks the other end for a sign of life with an empty SETTINGS frame (docs/decisions/0002). False where it cannot be
   * asked; else calls back once: true when it has answered. When the session is gone first, false or, as Node has it,
   * not at all.
   */
  ask(onAnswer: (isAnswered: boolean) => void): boolean;
  /**
   * Sends a PING and calls back when it is answered or the session is gone. False where it could not be sent. While the
   * session is closing, an empty SETTINGS frame takes its place: Node sends no PING then.
   */
  ping(onEnd: () => void): boolean;
  /**
   * True when the server has said that it never acted on the stream of a call that has ended (RFC 9113, section 6.8).
   *
   * @param lowestStreamId {@link nextStreamId} as it was when the call was started.
   */
  neverActedOn(call: ChannelCall, lowestStreamId: number): boolean;
  /** Closes the channel: its calls go on, and no connection is made any more. Not to be called from `onState`. */
  closeChannel(): void;
  /**
   * Closes the channel, and destroys what is left of its sockets after a short grace. Resolves to the number of sockets
   * that had to be destroyed when none is left open.
   */
  close(reason: string): Promise<number>;
}

/** Under this key a channel that a {@link ChannelFactory} made keeps its connection, where it can show it. */
export const CONNECTION: unique symbol = Symbol.for('grpc-manifold.connection');

/** A channel that shows its connection. */
export interface ConnectedChannel extends ChannelInterface {
  readonly [CONNECTION]: Connection;
}

/** Finds the connection of a channel, where it shows it. */
export function connectionOf(channel: ChannelInterface): Connection | undefined {
  return CONNECTION in channel ? (channel as ConnectedChannel)[CONNECTION] : undefined;
}
