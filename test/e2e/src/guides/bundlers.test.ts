import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startEchoServer, type EchoServer } from '@grpc-manifold/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const inRoot = (path: string): string => fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
const guide = readFileSync(inRoot('docs/guides/threads.md'), 'utf8');
const bundlers = guide.slice(guide.indexOf('## Bundlers'), guide.indexOf('## Without a pool'));
const blocksOf = (language: string): string[] =>
  [...bundlers.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, code]) => code as string);

/**
 * A program with the lines of the guide in it. Without a word that only ES modules know: it is bundled to CommonJS as
 * well.
 */
const PROGRAM = `
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js';
import { createPooledClient, threadChannelFactory } from 'grpc-manifold';

const target = process.argv[2];
const bytes = (buffer) => buffer;
const EchoClient = makeGenericClientConstructor({
  call: {
    path: '/manifold.testing.v1.Echo/Unary',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  },
});
${blocksOf('js')[0]}
client.call(Buffer.alloc(0), async (error) => {
  await client[Symbol.asyncDispose]();
  await channelFactory[Symbol.asyncDispose]();
  process.send({ code: error?.code ?? 0, details: error?.details ?? '' });
  process.disconnect();
});
`;

let server: EchoServer;

beforeAll(async () => {
  server = await startEchoServer();
});

afterAll(() => server[Symbol.asyncDispose]());

describe('the guide to threads', () => {
  it('has a recipe of esbuild for each kind of module', () => {
    expect(blocksOf('sh').map((command) => /--format=(\w+)/.exec(command)?.[1])).toEqual(['esm', 'cjs']);
  });

  it.each(blocksOf('sh').map((command) => [/--format=(\w+)/.exec(command)?.[1] as string, command] as const))(
    'bundles to %s by the recipe of esbuild, and the bundle works',
    async (format, command) => {
      // Inside the workspace, where packages are found.
      await mkdir(inRoot('test/e2e/dist'), { recursive: true });
      const folder = await mkdtemp(inRoot('test/e2e/dist/bundle-'));
      try {
        await mkdir(join(folder, 'src'));
        await writeFile(join(folder, 'src/main.js'), PROGRAM);
        const type = format === 'esm' ? 'module' : 'commonjs';
        await writeFile(join(folder, 'package.json'), JSON.stringify({ type }));
        const PATH = `${inRoot('node_modules/.bin')}:${process.env['PATH']}`;
        await promisify(execFile)('sh', ['-c', command], { cwd: folder, env: { ...process.env, PATH } });
        const child = fork(join(folder, 'dist/main.js'), [server.target], { execArgv: [] });
        const exited = once(child, 'exit');
        const told = await Promise.race([
          once(child, 'message').then(([message]) => message as unknown),
          exited.then(([code]) => `it ended with ${String(code)} and said nothing`),
        ]);
        expect(told).toEqual({ code: 0, details: '' });
        expect((await exited)[0]).toBe(0);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});
