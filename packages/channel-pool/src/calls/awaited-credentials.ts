import { CallCredentials } from '@grpc/grpc-js';

type Question = Parameters<CallCredentials['generateMetadata']>[0];
type Answer = ReturnType<CallCredentials['generateMetadata']>;

const EMPTY = CallCredentials.createEmpty();

/** Tells whether call credentials are those that have nothing to say; grpc-js does not ask them. */
function isEmpty(credentials: CallCredentials): boolean {
  return credentials.constructor === EMPTY.constructor;
}

/** Who is told what becomes of the call credentials of a call. */
export interface CredentialsObserver {
  /** They are asked: nothing of the call is sent until they have answered. */
  credentialsAsked(): void;
  credentialsAnswered(): void;
  /** The channel has none of its own. */
  channelHasNone(): void;
}

/**
 * Call credentials that look on while others work: those of the call, if any, and those that grpc-js composes with
 * them, which are the channel's.
 */
export class AwaitedCredentials extends CallCredentials {
  constructor(
    private readonly own: CallCredentials | undefined,
    private readonly observer: CredentialsObserver,
  ) {
    super();
  }

  override compose(others: CallCredentials): CallCredentials {
    if (isEmpty(others)) {
      this.observer.channelHasNone();
      return this.own === undefined ? others : this;
    }
    return new AwaitedCredentials(this.own?.compose(others) ?? others, this.observer);
  }

  override async generateMetadata(question: Question): Answer {
    this.observer.credentialsAsked();
    try {
      return await (this.own ?? EMPTY).generateMetadata(question);
    } finally {
      this.observer.credentialsAnswered();
    }
  }

  override _equals(other: CallCredentials): boolean {
    return this === other;
  }
}
