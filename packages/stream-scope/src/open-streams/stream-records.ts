import type { StreamRecord } from './stream-record.js';

/** The streams of this process that have no status yet: every scoped one, and every one of a pooled client. */
const records = new Set<StreamRecord>();
/** By the stream object of grpc-js, so that one that is scoped as well as pooled is listed once. */
const byStream = new WeakMap<object, StreamRecord>();

/** Lists a stream, under the object that grpc-js made for it. */
export function addRecord(stream: object, record: StreamRecord): void {
  records.add(record);
  byStream.set(stream, record);
}

/** What a stream is listed as, when it is. */
export function recordOf(stream: object): StreamRecord | undefined {
  return byStream.get(stream);
}

/** A stream has its status. */
export function removeRecord(record: StreamRecord): void {
  records.delete(record);
}

/** All that are listed, oldest first. */
export function allRecords(): Iterable<StreamRecord> {
  return records;
}
