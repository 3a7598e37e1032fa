import type { PooledChannel } from '../member/pooled-channel.js';
import type { MemberMaker } from './member-maker.js';

/** Who is told of attempts to connect. */
export interface AttemptsObserver {
  /** An attempt is about to begin. */
  onBegun(member: PooledChannel): void;
  /** No member could be made: the channel factory threw. */
  onImpossible(error: unknown): void;
}

/** The attempt to connect that is under way. */
interface Attempt {
  readonly member: PooledChannel;
  readonly isReplacement: boolean;
  readonly settle: () => void;
}

/** Makes members and has them connect. */
export class Attempts {
  /**
   * The first member. Made with the pool and connected with the first call: a wrong target is an error of the
   * constructor, as in grpc-js.
   */
  readonly first: PooledChannel;
  #isFirstUsed = false;
  #current: Attempt | undefined;
  #isClosed = false;

  /** @throws what grpc-js throws for a target or credentials that it cannot use. */
  constructor(
    private readonly maker: MemberMaker,
    private readonly observer: AttemptsObserver,
  ) {
    this.first = maker.make();
  }

  /** Begins an attempt. Resolves when the member is ready or has failed. */
  begin(isReplacement: boolean): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    try {
      const member = this.#isFirstUsed ? this.maker.make() : this.first;
      this.#isFirstUsed = true;
      return new Promise((settle) => {
        this.#current = { member, isReplacement, settle };
        this.observer.onBegun(member);
        member.connect();
      });
    } catch (error) {
      this.observer.onImpossible(error);
      return Promise.resolve();
    }
  }

  /** A member has changed its state, which ends its attempt. True when it was made to replace another. */
  end(member: PooledChannel): boolean {
    if (this.#current?.member !== member) return false;
    const { isReplacement, settle } = this.#current;
    this.#current = undefined;
    if (member.state === 'ready') this.maker.learnFrom(member);
    settle();
    return isReplacement;
  }

  /** Begins none any more. Returns the members that were never connected. */
  close(): PooledChannel[] {
    this.#isClosed = true;
    return this.#isFirstUsed ? [] : [this.first];
  }
}
