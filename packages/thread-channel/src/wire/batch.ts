/**
 * What one thread tells the other at once: records, one after the other and ended by a zero byte, and the large
 * messages that they speak of, in order. All of it is transferred, nothing is cloned.
 */
export type Batch = [records: ArrayBuffer, ...attachments: ArrayBuffer[]];

/** The first byte of a record: what it says. A number of the call or the channel that it is about follows. */
export const Record = {
  End: 0,
  // To the thread.
  Start: 1,
  Message: 2,
  HalfClose: 3,
  Cancel: 4,
  /** Messages were taken by the reader: as many more may be sent. */
  Taken: 5,
  /** Call credentials have made their metadata, or have failed. */
  Credentials: 6,
  // From the thread.
  Headers: 16,
  Received: 17,
  Status: 18,
  /** Messages were taken by the connection, as their writers want to know. */
  Written: 19,
  /** Call credentials are asked for their metadata. */
  AskCredentials: 20,
  /** What is to be seen of a connection has changed. */
  Sight: 21,
  /** The state of a channel has changed. */
  State: 22,
} as const;
