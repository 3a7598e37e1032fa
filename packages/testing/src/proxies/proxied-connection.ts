import type { Socket } from 'node:net';
import { FaultyPipe, resetSocket } from './faulty-pipe.js';

/** A direction of a proxied connection. */
export type ProxyDirection = 'both' | 'to-server' | 'to-client';

/** One client connection through a fault proxy. It is open until the client side is closed. */
export interface ProxiedConnection {
  /** Counts up from 1 in order of acceptance. */
  readonly id: number;
  readonly isOpen: boolean;
  /** The client's own port. */
  readonly clientPort: number;
  /** The port that the server sees as its peer; undefined until the proxy is connected to it. */
  readonly upstreamPort: number | undefined;
  /** The number of bytes forwarded to the server. */
  readonly bytesToServer: number;
  /** The number of bytes forwarded to the client. */
  readonly bytesToClient: number;
  /** The number of bytes received and not yet forwarded, in both directions together. */
  readonly heldBytes: number;
  /** Delays everything from now on by `ms` milliseconds, including the end of the connection. */
  delay(ms: number, direction?: ProxyDirection): void;
  /**
   * Forwards nothing more, not even a close or reset. Each direction holds up to 1 MiB; then the proxy stops reading
   * and the buffers of the sender fill.
   */
  blackHole(direction?: ProxyDirection): void;
  /** Ends delay and black hole. Held data is forwarded at once, in order. */
  restore(direction?: ProxyDirection): void;
  /** Ends both sides with a TCP reset. */
  reset(): void;
  /** Closes both sides gracefully (FIN) and drops held data. */
  end(): void;
}

/** Connects a client socket with a socket to the server. */
export class SocketPair implements ProxiedConnection {
  readonly #toServer: FaultyPipe;
  readonly #toClient: FaultyPipe;
  readonly clientPort: number;
  isOpen = true;

  constructor(
    readonly id: number,
    readonly client: Socket,
    readonly upstream: Socket,
    onChange: () => void,
  ) {
    this.clientPort = client.remotePort ?? 0;
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    this.#toServer = new FaultyPipe(client, upstream, onChange);
    this.#toClient = new FaultyPipe(upstream, client, onChange);
    client.once('close', () => {
      this.isOpen = false;
      // The client is gone. Data to the server is still forwarded.
      this.#toClient.abandon();
      onChange();
    });
    upstream.once('close', () => {
      this.#toServer.abandon();
      onChange();
    });
  }

  get upstreamPort(): number | undefined {
    return this.upstream.localPort;
  }

  get bytesToServer(): number {
    return this.#toServer.forwardedBytes;
  }

  get bytesToClient(): number {
    return this.#toClient.forwardedBytes;
  }

  get heldBytes(): number {
    return this.#toServer.heldBytes + this.#toClient.heldBytes;
  }

  delay(ms: number, direction: ProxyDirection = 'both'): void {
    for (const pipe of this.#pipes(direction)) pipe.delayMs = ms;
  }

  blackHole(direction: ProxyDirection = 'both'): void {
    for (const pipe of this.#pipes(direction)) pipe.hold();
  }

  restore(direction: ProxyDirection = 'both'): void {
    for (const pipe of this.#pipes(direction)) pipe.restore();
  }

  reset(): void {
    for (const pipe of this.#pipes('both')) pipe.abandon();
    resetSocket(this.client);
    resetSocket(this.upstream);
  }

  end(): void {
    for (const pipe of this.#pipes('both')) pipe.abandon();
    this.client.end();
    this.upstream.end();
  }

  #pipes(direction: ProxyDirection): FaultyPipe[] {
    if (direction === 'to-server') return [this.#toServer];
    if (direction === 'to-client') return [this.#toClient];
    return [this.#toServer, this.#toClient];
  }
}
