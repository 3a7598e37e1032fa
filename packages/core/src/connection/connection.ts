import type { ChannelInterface, connectivityState } from '@grpc/grpc-js';
import type { ChannelCall } from '../contracts/channel-factory.js';
import type { Goaway } from '../faults/classify-fault.js';

/**
 * The state of the HTTP/2 session of a connection.
 *
 * - `unseen`: there is no session yet, or it cannot be observed.
 * - `open`: the session accepts new streams.
 * - `closing`: the server sent GOAWAY, or the channel is closed. The session accepts no new streams; its open streams
 *   continue, and it still answers SETTINGS.
 * - `destroyed`: the session has ended.
 */
export type SessionState = 'unseen' | 'open' | 'closing' | 'destroyed';

/**
 * The only connection of a channel, with the state and the operations that a grpc-js channel does not offer. It
 * connects once and never reconnects. It may live in another thread; its properties then have the values of the last
 * message from that thread.
 */
export interface Connection {
  /** The channel that makes calls on the connection. */
  readonly channel: ChannelInterface;
  readonly session: SessionState;
  /**
   * The current SETTINGS_MAX_CONCURRENT_STREAMS of the server (RFC 9113, section 6.5.2); undefined when it cannot be
   * observed.
   */
  readonly serverLimit: number | undefined;
  /** Address and port of the peer; undefined before the connection is made. */
  readonly peer: string | undefined;
  /** The number of bytes received on all sockets of the connection; 0 when they cannot be observed. */
  readonly bytesRead: number;
  /** True while a socket of the connection waits for the peer to answer its SYN. */
  readonly isConnecting: boolean;
  /** The GOAWAY frame that the server sent, if any. */
  readonly goaway: Goaway | undefined;
  /** The error that the socket closed with, if any. */
  readonly error: { readonly message: string } | undefined;
  /** The lowest stream id that a call started now can get; 0 when it cannot be known. */
  readonly nextStreamId: number;

  /**
   * Begins to connect, and reports each state of the channel until the channel is closed. When the session can be
   * observed, it is known before READY is reported.
   *
   * @throws the error of grpc-js for a channel that cannot connect.
   */
  connect(onState: (state: connectivityState) => void): void;
  /**
   * Asks the peer for a sign of life with an empty SETTINGS frame (docs/decisions/0002).
   *
   * @param onAnswer called once with true when the peer has acknowledged the frame. When the session is destroyed
   * before, Node calls it with false or not at all.
   * @returns false when the frame cannot be sent; `onAnswer` is then never called.
   */
  ask(onAnswer: (isAnswered: boolean) => void): boolean;
  /**
   * Sends a PING. While the session is closing it sends an empty SETTINGS frame instead, because Node then sends no
   * PING.
   *
   * @param onEnd called when the PING is answered or the session is destroyed.
   * @returns false when the PING could not be sent; `onEnd` is then never called.
   */
  ping(onEnd: () => void): boolean;
  /**
   * True when the GOAWAY of the server guarantees that the server never acted on the stream of an ended call (RFC 9113,
   * section 6.8).
   *
   * @param lowestStreamId the value of {@link nextStreamId} when the call was started.
   */
  neverActedOn(call: ChannelCall, lowestStreamId: number): boolean;
  /** Closes the channel. Its calls continue; it does not connect again. Must not be called inside `onState`. */
  closeChannel(): void;
  /**
   * Closes the channel, and destroys the sockets that are still open after a short grace period.
   *
   * @returns a promise that resolves when no socket is open, to the number of sockets that had to be destroyed.
   */
  close(reason: string): Promise<number>;
}

/** The key under which a channel made by a {@link ChannelFactory} exposes its connection. */
export const CONNECTION: unique symbol = Symbol.for('grpc-manifold.connection');

/** A channel that exposes its connection. */
export interface ConnectedChannel extends ChannelInterface {
  readonly [CONNECTION]: Connection;
}

/** Returns the connection that a channel exposes; undefined when it exposes none. */
export function connectionOf(channel: ChannelInterface): Connection | undefined {
  return CONNECTION in channel ? (channel as ConnectedChannel)[CONNECTION] : undefined;
}
