import { startScriptedPeer, type PeerConnection, type ScriptedPeer } from '@grpc-manifold/testing';
import { BookedConnection } from './booked-connection.js';

/** A scripted peer that keeps books of each of its connections. */
export class BookedPeer implements AsyncDisposable {
  readonly connections: BookedConnection[] = [];
  /** Frames that came in and are no answers to our own pings. */
  frames = 0;
  /** New connections get no SETTINGS. */
  isHolding = false;
  /** Everything that was wrong; thrown where it is noticed it would be lost in a socket's listener. */
  readonly wrong: Error[] = [];
  readonly #byConnection = new Map<PeerConnection, BookedConnection>();
  #peer!: ScriptedPeer;

  private constructor(
    /** SETTINGS_MAX_CONCURRENT_STREAMS of new connections. */
    public limit: number,
  ) {}

  static async start(limit: number): Promise<BookedPeer> {
    const peer = new BookedPeer(limit);
    peer.#peer = await startScriptedPeer({
      // Said by ourselves: some are kept waiting for it.
      settings: 'never',
      ackPings: true,
      windowUpdates: true,
      onConnection: (connection) => peer.#accept(connection),
      onHeaders: (connection) => peer.#note(() => peer.#of(connection).opened()),
      onFrame: (connection, frame) => {
        const booked = peer.#of(connection);
        if (frame.kind === 'ping-ack') return booked.pingAnswered();
        peer.frames += 1;
        if (frame.kind === 'settings') booked.settingsCame();
        else if (frame.kind === 'settings-ack') booked.acknowledged();
        else if (frame.kind === 'goaway') booked.isLeft = true;
        else if (frame.kind === 'data') booked.heard(frame.streamId, frame.data);
      },
    });
    return peer;
  }

  get target(): string {
    return this.#peer.target;
  }

  /** Streams that were ever opened. */
  get streams(): number {
    return this.#peer.headersReceived;
  }

  get open(): BookedConnection[] {
    return this.connections.filter(({ isOpen }) => isOpen);
  }

  /** Open ones that got their SETTINGS. */
  get admitted(): BookedConnection[] {
    return this.open.filter(({ isHeld }) => !isHeld);
  }

  /** Told of each new connection. */
  onConnection: (connection: BookedConnection) => void = () => undefined;

  /** Holds no connection any longer. */
  letIn(): void {
    this.isHolding = false;
    for (const connection of this.open) if (connection.isHeld) connection.allow(this.limit);
  }

  /** Every stream that the server may say something on, with its connection. */
  get running(): { connection: BookedConnection; id: number }[] {
    return this.open.flatMap((connection) => connection.running.map((id) => ({ connection, id })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#peer[Symbol.asyncDispose]();
  }

  #accept(connection: PeerConnection): void {
    const booked = new BookedConnection(connection);
    this.#byConnection.set(connection, booked);
    this.connections.push(booked);
    this.#note(() => this.onConnection(booked));
    if (!this.isHolding) booked.allow(this.limit);
  }

  #of(connection: PeerConnection): BookedConnection {
    return this.#byConnection.get(connection) as BookedConnection;
  }

  #note(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.wrong.push(error as Error);
    }
  }
}
