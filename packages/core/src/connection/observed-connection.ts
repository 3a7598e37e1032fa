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

/** Milliseconds that the other end has to close its side before a socket is destroyed; one that listens needs 1. */
const CLOSE_GRACE_MS = 100;

/** What an {@link ObservedConnection} is made of. */
export interface ObservedConnectionSettings {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly channelOptions: ChannelOptions;
  readonly clock: Clock;
  /** One that is there already: of it nothing but the sockets is seen. Default: grpc-js's own is made. */
  readonly channel?: ChannelInterface;
}

/** Tells who is at the other end of a socket, as grpc-js writes it; undefined where that has no port. */
export function peerOf(socket: Pick<Socket, 'remoteAddress' | 'remotePort' | 'remoteFamily'>): string | undefined {
  const { remoteAddress, remotePort, remoteFamily } = socket;
  if (remoteAddress === undefined) return undefined;
  return `${remoteFamily === 'IPv6' ? `[${remoteAddress}]` : remoteAddress}:${remotePort}`;
}

/** The connection of a grpc-js channel of this thread, seen by the sockets that it opens and the session on them. */
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
   * Read once for all calls that are started in one go: `session.state` costs 5 µs or more. grpc-js opens a stream in a
   * microtask behind the start of its call, at the earliest.
   */
  #nextStreamId: number | undefined;
  /**
   * The server at one address has said SETTINGS: it carries the calls. Where a target has several addresses grpc-js
   * tries the next one when one is slow (RFC 8305, as gRFC A61 has it). When two come to an end in one tick it keeps
   * both (1.14.7): one connection that carries calls, and one that nobody knows of.
   */
  #isDecided = false;
  #isConnected = false;
  #hasFailed = false;
  #isChannelClosed = false;
  #closing: Promise<number> | undefined;

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
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
   * Asked for each time, which costs a few nanoseconds: on the sessions of grpc-js, which takes all listeners off them,
   * Node emits no 'remoteSettings'.
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
    // With xDS there may be several connections, and the session that is known need not be the one that carries the
    // call.
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
    // Node cancels every PING on a session that is closing, and sends SETTINGS on it (measured on Node 20 to 26).
    if (this.session !== 'open') return this.ask(() => onEnd());
    // Node has a bound on PINGs that are unanswered: it refuses one beyond it, and calls back for that as well.
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
    // Never inside grpc-js's own state callbacks: closing there brings the channel back to life.
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

  /** grpc-js cannot unsubscribe a watcher and throws once closed: each is asked for once, and ignored after the end. */
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
    // Before grpc-js, which tells of the loss when it hears of the GOAWAY: by then it must be known why.
    this.#session?.prependListener('goaway', (code: number, lastStreamId: number, debugData?: Uint8Array) => {
      this.#goaway = { code, lastStreamId, debugData: Buffer.from(debugData ?? []).toString('latin1') };
    });
  }

  /**
   * A channel tries an address again that has refused it when grpc-js's backoff is over, and that may be at once: also
   * when it was closed meanwhile, or is connected to another address (subchannel.ts: `unref` leaves TRANSIENT_FAILURE
   * as it is).
   */
  get #mayConnect(): boolean {
    return !this.#isDecided && !(this.#isConnected && !this.#isXds) && !this.#hasFailed && !this.#isChannelClosed;
  }

  /** Handshakes run side by side; the first to be over ends the others, in the same tick. */
  #race(tcp: Socket, http2: Socket): void {
    const session = sessionOf(http2);
    // Where sessions cannot be seen, two may be kept: the second is closed with the first.
    if (session === undefined) this.#http2Socket = http2;
    // Before grpc-js, which takes all listeners off.
    session?.prependListener('remoteSettings', () => {
      if (this.#isDecided) return;
      this.#isDecided = true;
      this.#http2Socket = http2;
      this.#sockets.destroyOthers(tcp, 'another address of the target is connected');
    });
  }

  readonly #onSocket = (tcp: Socket, http2: Socket): void => {
    this.#sockets.add(tcp);
    // With xDS a channel has as many connections as the control plane says.
    if (this.#isXds) this.#http2Socket = http2;
    // Before anything can come in, and behind grpc-js, which makes the session in a microtask.
    else process.nextTick(() => this.#race(tcp, http2));
  };
}
