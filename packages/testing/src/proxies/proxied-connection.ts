import type { Socket } from 'node:net';
import { FaultyPipe, resetSocket } from './faulty-pipe.js';

/** A way through a proxied connection. */
export type ProxyDirection = 'both' | 'to-server' | 'to-client';

/** One client's connection through a fault proxy. Open until the client's side of it is closed. */
export interface ProxiedConnection {
  /** Counts up from 1 in order of acceptance. */
  readonly id: number;
  readonly isOpen: boolean;
  /** The client's own port. */
  readonly clientPort: number;
  /** The port that the server sees as its peer; undefined until the proxy is connected to it. */
  readonly upstreamPort: number | undefined;
  /** Bytes handed on to the server. */
  readonly bytesToServer: number;
  /** Bytes handed on to the client. */
  readonly bytesToClient: number;
  /** Bytes received and not handed on, both ways together. */
  readonly heldBytes: number;
  /** Hands on everything, closing included, `ms` milliseconds late from now on. */
  delay(ms: number, direction?: ProxyDirection): void;
  /**
   * Hands on nothing any more, not even that a side closed or reset the connection. What comes is held: up to 1 MiB a
   * direction, then it is no longer read and the sender's own buffers fill.
   */
  blackHole(direction?: ProxyDirection): void;
  /** Ends delay and black hole; all that was held goes out at once, in order. */
  restore(direction?: ProxyDirection): void;
  /** Ends both sides with a TCP reset. */
  reset(): void;
  /** Ends both sides in order (FIN); what is held is dropped. */
  end(): void;
}

/** Joins a client's socket with one to the server. */
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
      // Nobody is left to hand anything to; what goes to the server is still on its way.
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
