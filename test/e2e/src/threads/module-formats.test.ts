import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { startEchoServer, type EchoServer } from '@grpc-manifold/testing';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SmallProgramMessage, SmallProgramOptions } from './children/small-program-contract.js';

const PATH = '/manifold.testing.v1.Echo/Unary';
const inWorkspace = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const PROGRAM = inWorkspace('dist/threads/children/small-program.js');
const WORKER = inWorkspace('../../packages/thread-channel/dist/thread/worker.js');

let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer();
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

/** Runs a program and tells how its call ended, and how the program did. */
async function run(file: string, options: Partial<SmallProgramOptions> = {}) {
  const given: SmallProgramOptions = { target: server.target, path: PATH, ...options };
  return ending(fork(file, [JSON.stringify(given)], { execArgv: [] }));
}

async function ending(child: ChildProcess) {
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const [told] = (await Promise.race([
    once(child, 'message'),
    exited.then(([code]) => Promise.reject(new Error(`it ended with ${code} and said nothing`))),
  ])) as [SmallProgramMessage];
  const [exitCode] = await exited;
  return { ...told, exitCode };
}

const WELL = { kind: 'ended', code: 0, details: '', exitCode: 0 };

describe('a pool in threads', () => {
  it('works in an ES module', async () => {
    expect(await run(PROGRAM)).toEqual(WELL);
  });

  it('works in a program that comes from the command line', async () => {
    const given: SmallProgramOptions = { target: server.target, path: PATH };
    const source = `process.argv.splice(1, 0, 'none'); await import(${JSON.stringify(pathToFileURL(PROGRAM).href)});`;
    const args = ['--input-type=module', '-e', source, JSON.stringify(given)];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    expect(await ending(child)).toEqual(WELL);
  });

  it('works in CommonJS', async () => {
    expect(await run(inWorkspace('fixtures/threads-commonjs.cjs'))).toEqual(WELL);
  });

  it('works in a bundle, which names the program of the threads', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'grpc-manifold-bundle-'));
    try {
      for (const [name, input] of Object.entries({ app: PROGRAM, worker: WORKER })) {
        const bundle = await rolldown({ input, platform: 'node', logLevel: 'silent' });
        await bundle.write({ file: join(folder, `${name}.mjs`), format: 'esm', codeSplitting: false });
        await bundle.close();
      }
      expect(await run(join(folder, 'app.mjs'), { worker: './worker.mjs' })).toEqual(WELL);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
