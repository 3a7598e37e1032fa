import { handled, rejected } from '../ending/handled.js';
import type { RawReadable } from '../ending/raw-call.js';

type Result<Message> = IteratorResult<Message, undefined>;

interface Waiter<Message> {
  readonly asker: object;
  resolve(result: Result<Message>): void;
  reject(error: unknown): void;
}

/** How reading comes to its end: by an error, or without one. */
interface Outcome {
  readonly error?: unknown;
}

/** Who is told of what a reader does. */
export interface MessageReaderObserver {
  /** A message was taken. */
  onTaken(): void;
  /** The last message was taken, and the status is there. */
  onReadToEnd(): void;
}

/** Takes the messages of one stream out of its buffer, for whoever asks. */
export class MessageReader<Message> {
  readonly #waiters: Waiter<Message>[] = [];
  #isListening = false;
  /** The status is there: what is buffered is all that comes. */
  #end: Outcome | undefined;
  /** Reading is over, whatever is buffered. */
  #over: Outcome | undefined;
  #drain: { left: number; onTooMany: () => void } | undefined;

  constructor(
    private readonly call: RawReadable,
    private readonly observer: MessageReaderObserver,
  ) {
    // Until it is first read from, grpc-js lets a stream flow in without bound. This fills the buffer and no more.
    call.read(0);
  }

  /**
   * The next message, or the end. Rejects with what the stream failed with.
   *
   * @param asker stands for the loop that asks: there may be several.
   */
  next(asker: object): Promise<Result<Message>> {
    if (this.#over === undefined && this.#waiters.length === 0) {
      const message = this.#take();
      if (message !== null) return Promise.resolve({ done: false, value: message });
      this.#endWhenEmpty();
    }
    if (this.#over !== undefined) return resultOf(this.#over);
    this.#listen();
    return handled(new Promise((resolve, reject) => this.#waiters.push({ asker, resolve, reject })));
  }

  /** One loop stops to read: what it waits for just ends. */
  leave(asker: object): void {
    for (const waiter of this.#waiters.splice(0)) {
      if (waiter.asker !== asker) this.#waiters.push(waiter);
      else waiter.resolve({ done: true, value: undefined });
    }
  }

  /** No more messages come; those that are buffered are still given out. */
  end(outcome: Outcome): void {
    this.#end = outcome;
    this.#pump();
    // Without us what is buffered would flow away to those who listen for 'data', while a loop has not taken it.
    if (this.call.readableLength === 0 || this.call.listenerCount('data') === 0) this.#unlisten();
  }

  /** Ends reading at once; what is buffered is lost. Harmless when it is over. */
  stop(outcome: Outcome): void {
    this.#over ??= outcome;
    this.#unlisten();
    this.#answerWaiters();
  }

  /**
   * Reads on and discards, until the status. Whoever waits for a message is told the outcome.
   *
   * @param max messages to discard, those that are buffered included; one more is too many.
   */
  drain(outcome: Outcome, max: number, onTooMany: () => void): void {
    this.#over ??= outcome;
    this.#answerWaiters();
    this.#drain = { left: max, onTooMany };
    // Whoever has a 'data' listener takes the messages himself.
    if (this.call.readableFlowing === true) return;
    this.#listen();
    this.#pump();
  }

  readonly #pump = (): void => {
    while (this.#drain !== undefined && this.#take() !== null) {
      this.#drain.left -= 1;
      if (this.#drain.left >= 0) continue;
      const { onTooMany } = this.#drain;
      this.#drain = undefined;
      onTooMany();
      return;
    }
    for (let waiter = this.#waiters[0]; waiter !== undefined; waiter = this.#waiters[0]) {
      const message = this.#take();
      if (message === null) break;
      this.#waiters.shift();
      waiter.resolve({ done: false, value: message });
    }
    if (this.#waiters.length > 0) this.#endWhenEmpty();
  };

  #take(): Message | null {
    const message = this.call.read() as Message | null;
    if (message !== null) this.observer.onTaken();
    return message;
  }

  #endWhenEmpty(): void {
    if (this.#end === undefined || this.#over !== undefined) return;
    this.#over = this.#end;
    this.#unlisten();
    this.#answerWaiters();
    this.observer.onReadToEnd();
  }

  #answerWaiters(): void {
    const outcome = this.#over;
    if (outcome === undefined) return;
    for (const waiter of this.#waiters.splice(0)) {
      if ('error' in outcome) waiter.reject(outcome.error);
      else waiter.resolve({ done: true, value: undefined });
    }
  }

  #listen(): void {
    if (this.#isListening || this.#end !== undefined) return;
    this.#isListening = true;
    this.call.on('readable', this.#pump);
  }

  #unlisten(): void {
    if (!this.#isListening) return;
    this.#isListening = false;
    this.call.removeListener('readable', this.#pump);
  }
}

function resultOf<Message>(outcome: Outcome): Promise<Result<Message>> {
  return 'error' in outcome ? rejected(outcome.error) : Promise.resolve({ done: true, value: undefined });
}
