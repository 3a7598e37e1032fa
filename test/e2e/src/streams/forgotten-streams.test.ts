import { startEchoServer, type EchoServer } from '@grpc-manifold/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quiet } from '../calls/quiet-server.js';
import { Program } from '../lifecycle/program.js';
import {
  FORGOTTEN,
  HELD,
  type ForgottenStreamsMessage,
  type ForgottenStreamsOptions,
} from './children/forgotten-streams-contract.js';

const OPENED = FORGOTTEN.length + HELD.length;
let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

type Collected = Extract<ForgottenStreamsMessage, { kind: 'collected' }>;

/** Lets a program forget streams and collect its garbage, and tells what it and the server saw. */
async function forget(options: Omit<ForgottenStreamsOptions, 'target'>): Promise<Collected & { cancelled: number }> {
  const before = await quiet(server);
  await using program = new Program<ForgottenStreamsMessage>(
    'streams/children/forgotten-streams',
    { ...options, target: server.target } satisfies ForgottenStreamsOptions,
    ['--expose-gc'],
  );
  await program.hear('opened');
  await server.waitFor((now) => now.startedCalls - before.startedCalls === OPENED);
  program.tell({ kind: 'forget' });
  const collected = await program.hear('collected');
  const after = await server.waitFor((now) => now.openCalls <= HELD.length);
  program.tell({ kind: 'end' });
  expect((await program.ended()).code).toBe(0);
  return { ...collected, cancelled: after.cancelledCalls - before.cancelledCalls };
}

describe.each(['pooled', 'plain'] as const)('scoped streams of a %s client that are forgotten', (client) => {
  it('are reported with their opening lines, and cancelled at the server', async () => {
    const { reports, cancelled, listed, abortListeners, warnings } = await forget({ client, watches: true });
    expect(reports.map(({ reason }) => reason)).toEqual(FORGOTTEN.map(() => 'collected'));
    const methods = new Set(reports.map(({ method }) => method?.split('/')[2]));
    expect(methods).toEqual(new Set(['ServerStream', 'ClientStream', 'Bidi']));
    const lines = reports.map(({ openedAt }) => /forgotten-streams\.[jt]s:\d+/.exec(openedAt ?? '')?.[0]);
    expect(lines).not.toContain(undefined);
    expect(new Set(lines).size).toBe(FORGOTTEN.length);
    expect({ cancelled, listed, abortListeners, warnings }).toEqual({
      cancelled: FORGOTTEN.length,
      listed: HELD.length,
      abortListeners: 0,
      warnings: [],
    });
  });

  it('are warned of where nobody watches, in one warning', async () => {
    const { warnings, cancelled } = await forget({ client, watches: false });
    expect(cancelled).toBe(FORGOTTEN.length);
    expect(warnings).toEqual([
      expect.stringMatching(/garbage-collected before it ended.*manifold\.testing\.v1\.Echo\/.*forgotten-streams/),
    ]);
  });
});
