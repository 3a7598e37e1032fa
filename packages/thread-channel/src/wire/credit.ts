/**
 * How far one thread may run ahead of the other on a stream, each way. A hand-over a message at a time costs 76 µs
 * each, with 16 messages under way 2.8 µs; what is under way is bounded by bytes as well, so that a reader that stops,
 * or a server that is slow, is felt at the other end of the call.
 */
export const READ_AHEAD = {
  messages: 16,
  /** Reached by the message that passes it: a larger one goes alone. */
  bytes: 262_144,
} as const;

/**
 * Messages that are acknowledged to their writer before the connection has taken them. As many bytes are taken off
 * `grpc.per_rpc_retry_buffer_size` of the channel in the thread: what a writer is told to be written is as true as
 * without.
 */
export const WRITE_AHEAD = { messages: 16, bytes: 16_384 } as const;
