import { startEchoServer } from '@grpc-manifold/testing';
import { expect, it } from 'vitest';
import { Program } from '../lifecycle/program.js';
import type { SlowReaderMessage, SlowReaderOptions } from './children/slow-reader-contract.js';

const MIB = 1 << 20;
/** 1 GiB and ten seconds where there is time. */
const IS_FULL = process.env['MANIFOLD_FULL'] !== undefined;
const MESSAGE_BYTES = 65_536;
const MESSAGES = (IS_FULL ? 1_024 : 96) * (MIB / MESSAGE_BYTES);

it('a reader that stops is felt at the server: neither thread grows meanwhile', { timeout: 300_000 }, async () => {
  await using server = await startEchoServer();
  await using program = new Program<SlowReaderMessage>('threads/children/slow-reader', {
    target: server.target,
    messages: MESSAGES,
    messageBytes: MESSAGE_BYTES,
    pauseMs: IS_FULL ? 10_000 : 1_500,
  } satisfies SlowReaderOptions);
  const { messages, grownBytes } = await program.hear('read');
  if (process.env['MANIFOLD_SHOW'] !== undefined) {
    console.log(`${(MESSAGES * MESSAGE_BYTES) / MIB} MiB: ${(grownBytes / MIB).toFixed(1)} MiB more while nobody read`);
  }
  expect(messages).toBe(MESSAGES);
  expect(grownBytes).toBeLessThan(32 * MIB);
  program.tell({ kind: 'go' });
  await program.ended();
});
