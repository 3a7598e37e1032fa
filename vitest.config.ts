import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Tests run on the sources of every package, so that coverage and stack traces speak of them. */
const packages = fileURLToPath(new URL('./packages/', import.meta.url));
const alias = readdirSync(packages).flatMap((folder) => {
  const name = folder === 'grpc-manifold' ? folder : `@grpc-manifold/${folder}`;
  // Threads have programs of their own, and run what was built.
  const entry = (file: string) =>
    `${packages}${folder}/${folder === 'thread-channel' ? `dist/${file}.js` : `src/${file}.ts`}`;
  return [
    { find: new RegExp(`^${name}$`), replacement: entry('index') },
    { find: new RegExp(`^${name}/internal$`), replacement: entry('internal') },
  ];
});

/** What takes minutes or many processes: `npm run test:full` runs these files too, `npm test` does not. */
const FULL = '{packages,examples,test}/*/src/**/*.full.test.ts';

/** A test file with any of these words meets sockets, processes, threads, memory or globals. */
const MEETS_THE_PROCESS =
  /node:(?!assert|events|timers|util)|\bstart\w*(?:Server|Proxy|Peer)\b|leakCheck|collectGarbage|\bprocess\.|\bvi\.(?!fn)/;

/** Pure decisions: files of packages that meet none of that. They share processes, to save a third of their time. */
const pure = readdirSync(packages, { recursive: true, encoding: 'utf8' })
  .filter((path) => /^[\w-]+\/src\/.*\.test\.ts$/.test(path) && !path.endsWith('.full.test.ts'))
  .filter((path) => !MEETS_THE_PROCESS.test(readFileSync(packages + path, 'utf8')))
  .map((path) => `packages/${path.replaceAll('\\', '/')}`);

/** Every pool's connections in worker threads (CONTRIBUTING.md). */
const inThreads = process.env['MANIFOLD_THREADS'] === undefined ? [] : ['test/e2e/src/threads/in-threads.ts'];

export default defineConfig({
  resolve: { alias },
  // `using` is compiled down: the oldest Node we support has no syntax for it.
  oxc: { target: 'es2022' },
  test: {
    pool: 'forks',
    // One more than there are cores: tests of the wire wait half of their time.
    maxWorkers: Math.min(4, availableParallelism() + 1),
    testTimeout: 120_000,
    hookTimeout: 120_000,
    setupFiles: ['vitest.setup.ts'],
    projects: [
      { extends: true, test: { name: 'pure', include: pure, isolate: false } },
      {
        extends: true,
        // A process a file: tests count the sockets, timers and listeners of theirs.
        test: {
          name: 'wire',
          include: ['{packages,examples,test}/*/src/**/*.test.ts'],
          exclude: [FULL, ...pure],
          setupFiles: inThreads,
        },
      },
      { extends: true, test: { name: 'full', include: [FULL], setupFiles: inThreads } },
    ],
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/index.ts', 'packages/testing/**'],
      reporter: ['text', 'html'],
    },
  },
});
