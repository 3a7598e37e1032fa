/**
 * The records that one thread sends to the other in one message, ended by a zero byte, and the large payloads that the
 * records refer to, in order. All memory is transferred, and none is cloned.
 */
export type Batch = [records: ArrayBuffer, ...attachments: ArrayBuffer[]];

/** The kind of a record: its first byte. The number of the record's call or channel follows. */
export const Record = {
  End: 0,
  // To the thread.
  Start: 1,
  Message: 2,
  HalfClose: 3,
  Cancel: 4,
  /** The reader has consumed messages: the thread may send as many more. */
  Consumed: 5,
  /** The answer to AskCredentials: metadata, or an error. */
  Credentials: 6,
  // From the thread.
  Headers: 16,
  Received: 17,
  Status: 18,
  /** The connection has written messages. */
  Written: 19,
  /** Asks the call credentials for metadata. */
  AskCredentials: 20,
  /** What has changed in the snapshot of a connection. */
  Snapshot: 21,
  /** The connectivity state of a channel has changed. */
  State: 22,
} as const;
