import { credentials } from '@grpc/grpc-js';
import { later, type EchoClient, type EchoServer } from '@grpc-manifold/testing';
import type { ChannelFactory, ChannelPool } from 'grpc-manifold';
import { HANGS } from './seen.js';
import { Conversation, Subscription, UnaryCall, Upload, type CallStart, type WatchedCall } from './watched-call.js';
import { enter, type Entrance, type WayName, type Wish } from './way.js';

/** How long a plain client is watched before it is said to hang. A pooled one is waited for until its test gives up. */
const PLAIN_PATIENCE_MS = 400;

/** What all cases of a run share: it is started once. */
export interface Shared {
  /** An Echo server in a process of its own. No case may change it. */
  readonly echo: EchoServer;
  /** Makes connections in the one thread of this run. */
  readonly inThreads: ChannelFactory;
}

/** Where a case plays: it makes clients in the way that is looked at, and closes all that was opened. */
export class Stage implements AsyncDisposable {
  readonly #entrances: Entrance[] = [];
  readonly #owned: AsyncDisposable[] = [];
  readonly #calls: WatchedCall[] = [];

  constructor(
    readonly way: WayName,
    readonly shared: Shared,
  ) {}

  get echo(): EchoServer {
    return this.shared.echo;
  }

  /**
   * Makes a client of plain text, unless it is said otherwise.
   *
   * @param inThreads makes connections in threads. 'own': `threads: 1` of the client itself, for what is read when a
   * thread starts.
   */
  open(
    target: string,
    wish: Partial<Omit<Wish, 'target'>> = {},
    inThreads: ChannelFactory | 'own' = this.shared.inThreads,
  ): EchoClient {
    const whole: Wish = {
      target,
      credentials: credentials.createInsecure(),
      channelOptions: {},
      plainOptions: {},
      pool: {},
      clientOptions: {},
      ...wish,
    };
    const entrance = enter(this.way, whole, inThreads === 'own' ? undefined : inThreads);
    this.#entrances.push(entrance);
    return entrance.client;
  }

  /** The pool of the client that was made last; undefined for a plain one. */
  get pool(): ChannelPool | undefined {
    return this.#entrances.at(-1)?.pool;
  }

  /** Ends something when the case is over, after the clients. */
  own<Owned extends AsyncDisposable>(owned: Owned): Owned {
    this.#owned.push(owned);
    return owned;
  }

  /** Does something when the case is over, after the clients. */
  after(undo: () => unknown): void {
    this.own({ [Symbol.asyncDispose]: async () => void (await undo()) });
  }

  unary(client: EchoClient, start?: CallStart): UnaryCall {
    return this.#watch(new UnaryCall(client, start));
  }

  subscribe(client: EchoClient, start?: CallStart): Subscription {
    return this.#watch(new Subscription(client, start));
  }

  converse(client: EchoClient, start?: CallStart): Conversation {
    return this.#watch(new Conversation(client, start));
  }

  upload(client: EchoClient, start?: CallStart): Upload {
    return this.#watch(new Upload(client, start));
  }

  /**
   * Waits for something that a plain client does not do, which then {@link HANGS}. With a pooled client the wait has no
   * end but that of the test.
   */
  async unlessPlainHangs(ending: Promise<string>): Promise<string> {
    if (this.way !== 'plain') return ending;
    let giveUp!: (seen: string) => void;
    const given = new Promise<string>((resolve) => (giveUp = resolve));
    using _patience = later(PLAIN_PATIENCE_MS, 'what a plain client does would have come', () => giveUp(HANGS));
    return await Promise.race([ending, given]);
  }

  /** Closes everything. @throws Error when a caller was told twice how its call ended, or never. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A plain client has no way to end the calls that hang.
    if (this.way === 'plain') for (const { call } of this.#calls) call.cancel();
    await Promise.all(this.#entrances.map((entrance) => entrance.close()));
    for (const owned of this.#owned.reverse()) await owned[Symbol.asyncDispose]();
    await Promise.all(this.#calls.map(({ ended }) => ended));
    const twice = this.#calls.filter(({ endings }) => endings > 1);
    if (twice.length > 0) {
      throw new Error(`${twice.length} callers were told more than once: ${twice[0]?.events.join()}`);
    }
  }

  #watch<Call extends WatchedCall>(call: Call): Call {
    this.#calls.push(call);
    return call;
  }
}
