import { credentials, Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { Record, type Batch } from '../wire/batch.js';
import { BatchReader } from '../wire/batch-reader.js';
import { BatchWriter } from '../wire/batch-writer.js';
import { writeMetadata } from '../wire/metadata-record.js';
import type { ThreadEvent } from '../wire/thread-event.js';
import { readStatus } from '../wire/status-record.js';
import { Host } from './host.js';

const CHANNEL = 1;
const CALL = 2;

function setUp() {
  const events: ThreadEvent[] = [];
  const statuses: unknown[] = [];
  const host = new Host({
    postMessage(message) {
      if (!Array.isArray(message)) return void events.push(message as ThreadEvent);
      const from = new BatchReader(message as Batch);
      expect([from.u8(), from.u32(), from.u8()]).toEqual([Record.Status, CALL, 0]);
      statuses.push(readStatus(from));
    },
  });
  const startCall = async (): Promise<void> => {
    const to = new BatchWriter();
    to.u8(Record.Start);
    to.u32(CALL);
    to.u32(CHANNEL);
    to.u8(0);
    to.text('/a/B');
    writeMetadata(to, new Metadata());
    host.receive(to.take());
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return { host, events, statuses, startCall };
}

describe('a channel that the thread fails to make', () => {
  it('refuses each call with the reason, until the channel is closed', async () => {
    const { host, events, statuses, startCall } = setUp();
    const broken = Buffer.from('no key');
    const recipe = {
      kind: 'tls',
      rootCerts: null,
      privateKey: broken,
      certChain: broken,
      rejectUnauthorized: true,
    } as const;
    expect(() => credentials.createSsl(null, broken, broken)).toThrow(/PEM|NO_START_LINE/i);
    host.receive({ kind: 'open', channel: CHANNEL, target: 'dns:x', options: {}, credentials: recipe, isOnce: true });
    await startCall();
    const refused = events.find((each) => each.kind === 'refused');
    expect(refused).toMatchObject({ channel: CHANNEL, error: expect.stringMatching(/PEM|NO_START_LINE/i) as string });
    expect(statuses).toMatchObject([{ code: status.UNAVAILABLE, details: refused?.error }]);
    host.receive({ kind: 'close', channel: CHANNEL, reason: 'enough' });
    expect(events.at(-1)).toEqual({ kind: 'closed', channel: CHANNEL, forcedSockets: 0 });
    await startCall();
    expect(statuses.at(-1)).toMatchObject({ code: status.UNAVAILABLE, details: 'Channel closed before call started' });
  });
});
