import type { connectivityState } from '@grpc/grpc-js';
import { Record } from '../wire/batch.js';
import type { BatchReader } from '../wire/batch-reader.js';
import { readSnapshot } from '../wire/connection-snapshot.js';
import { readMetadata } from '../wire/metadata-record.js';
import { readStatus } from '../wire/status-record.js';
import type { ThreadEntries } from './thread-entries.js';

/**
 * Reads one record of a worker thread and passes it to its call or connection. The record is read to its end before the
 * receiver is called, so that a receiver that throws does not break the rest of the batch.
 *
 * @returns false for a kind of record that this version does not know.
 */
export function dispatchRecord(record: number, id: number, from: BatchReader, entries: ThreadEntries): boolean {
  switch (record) {
    case Record.Headers: {
      const metadata = readMetadata(from);
      entries.call(id)?.onHeaders(metadata);
      return true;
    }
    case Record.Received: {
      const message = from.payload();
      entries.call(id)?.onMessage(message);
      return true;
    }
    case Record.Status: {
      const neverActedOn = from.u8() === 1;
      const ending = readStatus(from);
      entries.call(id)?.onStatus(ending, neverActedOn);
      return true;
    }
    case Record.Written: {
      const messages = from.u32();
      entries.call(id)?.onWritten(messages);
      return true;
    }
    case Record.AskCredentials: {
      const [question, url, method] = [from.u32(), from.text(), from.text()];
      void entries.call(id)?.askCredentials(question, url, method);
      return true;
    }
    case Record.Snapshot: {
      const changes = readSnapshot(from);
      entries.connection(id)?.onSnapshot(changes);
      return true;
    }
    case Record.State: {
      const state = from.u8() as connectivityState;
      entries.connection(id)?.onStateChange(state);
      return true;
    }
    default:
      return false;
  }
}
