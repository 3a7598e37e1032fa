import { LinkedList } from '@grpc-manifold/core/internal';
import type { StreamRecord } from './stream-record.js';

/** Somebody who is told as streams open and end. It must not throw: it is called from within a call. */
export interface RecordsObserver {
  added(record: StreamRecord): void;
  removed(record: StreamRecord): void;
}

/** The streams of this process that have no status yet: every scoped one, and every one of a pooled client. */
const records = new LinkedList<StreamRecord>();
/** By the stream object of grpc-js, so that one that is scoped as well as pooled is listed once. */
const byStream = new WeakMap<object, StreamRecord>();
const observers = new Set<RecordsObserver>();

/** Lists a stream, under the object that grpc-js made for it. */
export function addRecord(stream: object, record: StreamRecord): void {
  if (!isListed(record)) records.push(record.place, record);
  byStream.set(stream, record);
  for (const observer of observers) observer.added(record);
}

/** What a stream is listed as, when it is or was. */
export function recordOf(stream: object): StreamRecord | undefined {
  return byStream.get(stream);
}

/** A stream has its status. Harmless when that was told before. */
export function removeRecord(record: StreamRecord): void {
  if (!records.remove(record.place)) return;
  for (const observer of observers) observer.removed(record);
}

/** True from the opening of a stream to its status. */
export function isListed(record: StreamRecord): boolean {
  return record.place.item !== undefined;
}

/** All that are listed, oldest first. */
export function allRecords(): StreamRecord[] {
  return records.toArray();
}

/** How many are listed. */
export function recordCount(): number {
  return records.size;
}

/** Tells somebody of every stream from now on, until it is disposed. */
export function observeRecords(observer: RecordsObserver): Disposable {
  observers.add(observer);
  return { [Symbol.dispose]: () => void observers.delete(observer) };
}
