import { HeldOperations, type MessageContext } from '@grpc-manifold/core/internal';

/** What a client has sent on a call so far, for another connection in case the first one refuses the call. */
export class SentOperations {
  /** The message; undefined when there was none, or more than one. */
  #message: { readonly context: MessageContext; readonly message: Buffer } | undefined;
  #messages = 0;
  #isHalfClosed = false;
  /** How often they were replayed. */
  replays = 0;

  /**
   * Notes a message before it is sent. Returns the context to send it with.
   *
   * One message can be replayed. Of more, as many would have to be kept as grpc-js takes for written.
   */
  message(context: MessageContext, message: Buffer): MessageContext {
    this.#messages += 1;
    this.#message = this.#messages === 1 ? { context: settledOnce(context), message } : undefined;
    return this.#message?.context ?? context;
  }

  halfClose(): void {
    this.#isHalfClosed = true;
  }

  /** True when all that was sent can be replayed. */
  get isWhole(): boolean {
    return this.#messages === 0 || this.#message !== undefined;
  }

  /** The same operations, as if none had been sent yet. */
  replay(isReading: boolean): HeldOperations<Buffer> {
    this.replays += 1;
    const held = new HeldOperations<Buffer>();
    if (isReading) held.startRead();
    if (this.#message !== undefined) {
      held.sendMessage(this.#message.context, this.#message.message, this.#message.message.length);
    }
    if (this.#isHalfClosed) held.halfClose();
    return held;
  }
}

/** The writer of a message that is replayed must not be told twice that it was sent. */
function settledOnce(context: MessageContext): MessageContext {
  let { callback } = context;
  if (callback === undefined) return context;
  const once: typeof callback = (error) => {
    const told = callback;
    callback = undefined;
    told?.(error);
  };
  return { ...context, callback: once };
}
