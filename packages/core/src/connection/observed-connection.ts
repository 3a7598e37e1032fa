import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import {
  Channel,
  connectivityState,
  type ChannelCredentials,
  type ChannelInterface,
  type ChannelOptions,
} from '@grpc/grpc-js';
import type { ChannelCall } from '../contracts/channel-factory.js';
import type { Goaway } from '../faults/classify-fault.js';
import type { Clock } from '../time/clock.js';
import { warn } from '../listeners/warn.js';
import type { Connection, SessionState } from './connection.js';
import { ConnectionSockets } from './connection-sockets.js';
import { sessionOf } from './http2-session.js';
import { observedCredentials } from './observed-credentials.js';
import { isXdsTarget } from './xds-target.js';

/** Milliseconds that the peer has to close its side before a socket is destroyed. A responsive peer needs about 1. */
const CLOSE_GRACE_MS = 100;

/** The settings of an {@link ObservedConnection}. */
export interface ObservedConnectionSettings {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly channelOptions: ChannelOptions;
  readonly clock: Clock;
  /** An existing channel, of which only the sockets can be observed. Default: a new grpc-js channel. */
  readonly channel?: ChannelInterface;
}

/** Formats the address and port of a socket's peer as grpc-js does; undefined when the peer has no address. */
export function peerOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort' | 'remoteFamily'>): string | undefined {
  const { remoteAddress, remotePort, remoteFamily } = socket;
  if (remoteAddress === undefined) return undefined;
  return `${remoteFamily === 'IPv6' ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
}

/** The connection of a grpc-js channel in this thread, observed through its sockets and its HTTP/2 session. */
export class ObservedConnection implements Connection {
  readonly channel: ChannelInterface;
  readonly #target: string;
  readonly #clock: Clock;
  readonly #sockets = new ConnectionSockets();
  readonly #isXds: boolean;
  #http2Socket: Socket | undefined;
  #session: ClientHttp2Session | undefined;
  #goaway: Goaway | undefined;
  /**
   * Cached until the next microtask: reading `session.state` costs 5 µs or more. The cached value stays correct
   * for all calls started in the same synchronous code: grpc-js opens the stream of a call in a later microtask.
   */
  #nextStreamId: number | undefined;
  /**
   * True when a server has sent its SETTINGS; its connection carries the calls. When a target has several addresses,
   * grpc-js tries the next address while a slow attempt continues (RFC 8305, gRFC A61). When two attempts succeed in
   * the same tick, grpc-js 1.14.7 keeps both: one connection carries calls, the other one leaks.
   */
  #isDecided = false;
  #isConnected = false;
  #hasFailed = false;
  #isChannelClosed = false;
  #closing: Promise<number> | undefined;

  /** @throws the error of grpc-js for a target or credentials that it cannot use. */
  constructor(settings: ObservedConnectionSettings) {
    const { target, credentials, channelOptions, clock } = settings;
    this.#target = target;
    this.#clock = clock;
    this.#isXds = isXdsTarget(target);
    this.channel =
      settings.channel ??
      new Channel(
        target,
        observedCredentials(credentials, {
          onSocket: this.#onSocket,
          mayConnect: () => this.#mayConnect,
          mayShakeHands: () => !this.#isDecided && this.#closing === undefined,
        }),
        channelOptions,
      );
  }

  get session(): SessionState {
    const session = this.#session;
    if (session === undefined) return 'unseen';
    if (session.destroyed) return 'destroyed';
    return session.closed ? 'closing' : 'open';
  }

  /**
   * Read from the session each time, which costs a few nanoseconds. A 'remoteSettings' listener does not work: grpc-js
   * removes all listeners from its sessions.
   */
  get serverLimit(): number | undefined {
    return this.#session?.remoteSettings.maxConcurrentStreams;
  }

  get peer(): string | undefined {
    return this.#http2Socket && peerOf(this.#http2Socket);
  }

  get bytesRead(): number {
    return this.#sockets.bytesRead;
  }

  get isConnecting(): boolean {
    return this.#sockets.connecting;
  }

  get goaway(): Goaway | undefined {
    return this.#goaway;
  }

  get error(): { readonly message: string } | undefined {
    return this.#http2Socket?.errored ?? undefined;
  }

  get nextStreamId(): number {
    // With xDS there may be several connections, and the observed session may not be the one that carries the call.
    if (this.#isXds || this.#session === undefined) return 0;
    if (this.#nextStreamId === undefined) {
      this.#nextStreamId = this.#session.state.nextStreamID ?? 0;
      queueMicrotask(this.#forgetNextStreamId);
    }
    return this.#nextStreamId;
  }

  readonly #forgetNextStreamId = (): void => {
    this.#nextStreamId = undefined;
  };

  connect(onState: (state: connectivityState) => void): void {
    this.#sockets.attempt(() => this.channel.getConnectivityState(true));
    this.#follow(onState);
  }

  ask(onAnswer: (isAnswered: boolean) => void): boolean {
    const { session } = this;
    if (session !== 'open' && session !== 'closing') return false;
    this.#session?.settings({}, (error) => onAnswer(error === null));
    return true;
  }

  ping(onEnd: () => void): boolean {
    // Node cancels every PING on a closing session, but it sends SETTINGS (measured on Node 20 to 26).
    if (this.session !== 'open') return this.ask(() => onEnd());
    // Node limits the number of unanswered PINGs. It calls back for a PING beyond the limit too; that is ignored here.
    let isSent = false;
    isSent = this.#session?.ping(() => isSent && onEnd()) === true;
    return isSent;
  }

  neverActedOn(_call: ChannelCall, lowestStreamId: number): boolean {
    return this.#goaway !== undefined && lowestStreamId > this.#goaway.lastStreamId;
  }

  closeChannel(): void {
    if (this.#isChannelClosed) return;
    this.#isChannelClosed = true;
    try {
      this.channel.close();
    } catch (error) {
      warn(`The channel of a connection to ${this.#target} could not be closed: ${String(error)}`);
    }
  }

  close(reason: string): Promise<number> {
    this.#closing ??= this.#close(reason);
    return this.#closing;
  }

  async #close(reason: string): Promise<number> {
    const graceMs = this.#isConnected ? CLOSE_GRACE_MS : 0;
    // Not inside a state callback of grpc-js: a channel that is closed there connects again.
    await Promise.resolve();
    this.closeChannel();
    this.#sockets.close();
    if (this.#sockets.openCount === 0) return 0;
    let forced = 0;
    const grace = this.#clock.setTimer(() => {
      forced = this.#sockets.destroy(`grpc-manifold closed the connection: ${reason}`);
    }, graceMs);
    grace.ref();
    await this.#sockets.allClosed();
    this.#clock.clearTimer(grace);
    return forced;
  }

  /**
   * Watches one state change at a time: grpc-js cannot unsubscribe a watcher, and throws when the channel is closed.
   */
  #follow(onState: (state: connectivityState) => void): void {
    const seen = this.channel.getConnectivityState(false);
    this.#learn(seen);
    onState(seen);
    this.channel.watchConnectivityState(seen, Infinity, () => {
      if (!this.#isChannelClosed) this.#follow(onState);
    });
  }

  #learn(seen: connectivityState): void {
    if (this.#isConnected) return;
    if (seen === connectivityState.READY) {
      this.#isConnected = true;
      this.#sockets.attemptEnded();
      this.#watchSession();
    } else if (seen === connectivityState.TRANSIENT_FAILURE) {
      this.#hasFailed = true;
    }
  }

  #watchSession(): void {
    this.#session = this.#http2Socket === undefined ? undefined : sessionOf(this.#http2Socket);
    // Runs before the listener of grpc-js, which reports the loss of the connection on GOAWAY: the reason must be known
    // by then.
    this.#session?.prependListener('goaway', (code: number, lastStreamId: number, debugData?: Uint8Array) => {
      this.#goaway = { code, lastStreamId, debugData: Buffer.from(debugData ?? []).toString('latin1') };
    });
  }

  /**
   * Prevents a second connection. grpc-js retries a failed address after its backoff, which may be 0, even when the
   * channel was closed or is connected to another address (subchannel.ts: `unref` does not leave TRANSIENT_FAILURE).
   */
  get #mayConnect(): boolean {
    return !this.#isDecided && !(this.#isConnected && !this.#isXds) && !this.#hasFailed && !this.#isChannelClosed;
  }

  /** Handshakes to several addresses run in parallel; the first one that completes ends the others in the same tick. */
  #race(tcp: Socket, http2: Socket): void {
    const session = sessionOf(http2);
    // When sessions cannot be observed, grpc-js may keep two connections; both are closed together.
    if (session === undefined) this.#http2Socket = http2;
    // Runs before the listener of grpc-js, which removes all listeners.
    session?.prependListener('remoteSettings', () => {
      if (this.#isDecided) return;
      this.#isDecided = true;
      this.#http2Socket = http2;
      this.#sockets.destroyOthers(tcp, 'another address of the target is connected');
    });
  }

  readonly #onSocket = (tcp: Socket, http2: Socket): void => {
    this.#sockets.add(tcp);
    // With xDS, the control plane decides how many connections a channel has.
    if (this.#isXds) this.#http2Socket = http2;
    // Runs after grpc-js has created the session in a microtask and before any data arrives.
    else process.nextTick(() => this.#race(tcp, http2));
  };
}
