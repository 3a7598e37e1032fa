/** Reads a large stream through a thread, stops reading, and tells what memory the process takes meanwhile. */
import { credentials } from '@grpc/grpc-js';
import { loadEchoPackage, timePasses } from '@grpc-manifold/testing';
import { createPooledClient } from 'grpc-manifold';
import { programOptions, say, told } from '../../lifecycle/children/program-side.js';
import type { SlowReaderMessage, SlowReaderOptions } from './slow-reader-contract.js';

const SAMPLE_EVERY_MS = 100;
/** Messages that are read before the reader stops: both threads have all that they need by then. */
const READ_FIRST = 500;

const { target, messages, messageBytes, pauseMs } = programOptions<SlowReaderOptions>();
{
  await using client = createPooledClient(loadEchoPackage().EchoClient, target, credentials.createInsecure(), {
    threads: 1,
    onDispose: 'cancel',
  });
  const call = client.serverStream({ responseCount: messages, responseBytes: messageBytes });
  let read = 0;
  let most = 0;
  for await (const _message of call) {
    read += 1;
    if (read !== READ_FIRST) continue;
    const before = process.memoryUsage.rss();
    for (let waitedMs = 0; waitedMs < pauseMs; waitedMs += SAMPLE_EVERY_MS) {
      await timePasses(SAMPLE_EVERY_MS, 'until the next sample');
      most = Math.max(most, process.memoryUsage.rss() - before);
    }
  }
  say<SlowReaderMessage>({ kind: 'read', messages: read, grownBytes: most });
}
await told('go');
