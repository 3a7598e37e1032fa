/** The half of a stream that is written. */
export interface ScopedWriter<Req> {
  /**
   * Sends a message. Resolves when grpc-js has taken it, in the order of the writes: await it, and no more is buffered
   * than `grpc.per_rpc_retry_buffer_size` (1 MiB; 64 KiB in a pool) beyond what the server's window takes.
   *
   * Always settles. Rejects when the message was not taken, and when that is not known: with the `ServiceError` of a
   * status that is not OK, with what the loop over the stream would throw when it was ended from our side, and with
   * FAILED_PRECONDITION after `finish()` or when the server has ended the call with OK. A rejection that nobody looks
   * at does no harm.
   */
  write(message: Req): Promise<void>;
}
