import type { Metadata, StatusObject } from '@grpc/grpc-js';

/** A call in a worker thread. The calling thread reports the thread's messages to it. */
export interface ThreadedCall {
  /** The call's number in its thread. The thread assigns it in `addCall`. */
  id: number;
  onHeaders(metadata: Metadata): void;
  onMessage(message: Buffer): void;
  /** The connection has written so many more messages. */
  onWritten(messages: number): void;
  /** @param neverActedOn true when the server has said that it did not process the call. */
  onStatus(ending: StatusObject, neverActedOn: boolean): void;
  askCredentials(question: number, url: string, method: string): Promise<void>;
  /** The worker thread has ended, and the call with it. */
  onThreadEnd(reason: string): void;
}
