/**
 * Bytes that a stream which awaits its reset may still bring; they are thrown away. Enough for the end of most streams:
 * a server that heeds the deadline, or has answered, ends the stream by itself behind what it had sent. A server that
 * sends on without end is left to the flow control of the stream, which holds back nothing but that stream.
 */
const DISCARDED_BYTES = 1_048_576;
/** What a message has on the wire besides its own bytes: an empty one counts as well. */
const MESSAGE_PREFIX_BYTES = 5;

/** How much may still come in, and is thrown away, on a stream whose call has ended. */
export class DiscardBudget {
  #bytes = DISCARDED_BYTES;

  empty(): void {
    this.#bytes = 0;
  }

  /** Throws a message away. True when another may be read. */
  discard(message: Buffer): boolean {
    if (this.#bytes <= 0) return false;
    this.#bytes -= message.length + MESSAGE_PREFIX_BYTES;
    return this.#bytes > 0;
  }
}
