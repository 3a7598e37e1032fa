import { type EchoServer, type FaultProxy, startEchoServer, startFaultProxy, timePasses } from '@grpc-manifold/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Program } from '../lifecycle/program.js';
import type { StandstillProgramMessage, StandstillProgramOptions } from './children/standstill-contract.js';

/**
 * The shortest that a process may stand still and be noticed (decision 0021), and a little for the signal to arrive.
 */
const STANDSTILL_MS = 5_100;

let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer();
});

afterAll(() => server[Symbol.asyncDispose]());

/** A program that is connected through a proxy of its own. */
async function connected(
  options: Omit<StandstillProgramOptions, 'target'>,
): Promise<AsyncDisposable & { readonly program: Program<StandstillProgramMessage>; readonly proxy: FaultProxy }> {
  const proxy = await startFaultProxy(server);
  const program = new Program<StandstillProgramMessage>('stalls/children/standstill-program', {
    target: proxy.target,
    ...options,
  });
  expect(await program.hear('connected')).toMatchObject({ codes: ['OK'] });
  const end = async (): Promise<void> => {
    await program[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  };
  return { program, proxy, [Symbol.asyncDispose]: end };
}

const WITHOUT_LOSS = { codes: ['OK', 'OK', 'OK'], lastFault: 'keepalive-timeout' };

it('a process that was stopped while the path forgot its flow fails no call, in threads neither', async () => {
  await using here = await connected({ threads: 0 });
  await using threaded = await connected({ threads: 1 });
  const all = [here, threaded];
  for (const { program } of all) program.child.kill('SIGSTOP');
  for (const { proxy } of all) proxy.connections.forEach((connection) => connection.blackHole());
  await timePasses(STANDSTILL_MS, 'the processes do not run');
  // The program finds what it is told before any of its timers.
  for (const { program } of all) program.tell({ kind: 'call' });
  for (const { program } of all) program.child.kill('SIGCONT');
  for (const { program, proxy } of all) {
    expect(await program.hear('called')).toMatchObject(WITHOUT_LOSS);
    expect(proxy.acceptedConnections).toBe(2);
  }
});

it('a machine that slept while the path forgot its flow fails no call, in threads neither', async () => {
  await using here = await connected({ threads: 0, wakesAfterMs: 8 * 3_600_000 });
  await using threaded = await connected({ threads: 1, wakesAfterMs: 8 * 3_600_000 });
  for (const { program, proxy } of [here, threaded]) {
    proxy.connections.forEach((connection) => connection.blackHole());
    program.tell({ kind: 'call' });
  }
  for (const { program, proxy } of [here, threaded]) {
    expect(await program.hear('called')).toMatchObject(WITHOUT_LOSS);
    expect(proxy.acceptedConnections).toBe(2);
  }
});
