import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { startEchoServer } from '@grpc-manifold/testing';
import { expect, it } from 'vitest';
import { Program } from '../lifecycle/program.js';
import type { JumpingEnding, JumpingMessage } from './children/jumping-contract.js';

const HOUR_MS = 3_600_000;
const STEPS_MS = [-HOUR_MS, HOUR_MS, 8 * HOUR_MS];
const WAYS = ['plain', 'pooled', 'in threads'];

/** A port that was free a moment ago. */
async function deadTarget(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}

it('deadlines of plain clients, pooled ones and those in threads pass when they should, however the wall clock is set', async () => {
  await using server = await startEchoServer();
  const options = { target: server.target, deadTarget: await deadTarget(), stepsMs: STEPS_MS };
  await using program = new Program<JumpingMessage>('clock/children/jumping', options);
  const { endings } = await program.hear('ended');
  program.tell({ kind: 'go' });

  const expected = STEPS_MS.flatMap((stepMs) =>
    WAYS.flatMap((way) => {
      const ending = (call: string, code: string): JumpingEnding => ({ stepMs, way, call, code, isEarly: false });
      const late = ['running', 'held', 'waiting for ready'].map((call) => ending(call, 'DEADLINE_EXCEEDED'));
      if (way === 'plain') return late;
      return [
        ...late,
        ending('waiting for a stream', 'DEADLINE_EXCEEDED'),
        ending('client ready', 'READY'),
        ending('client not ready', 'Error: Failed to connect before the deadline'),
      ];
    }),
  );
  const sorted = (all: readonly JumpingEnding[]): string[] => all.map((each) => JSON.stringify(each)).sort();
  expect(sorted(endings)).toEqual(sorted(expected));
});
