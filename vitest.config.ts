import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Tests run on the sources of every package, so that coverage and stack traces speak of them. */
const packages = fileURLToPath(new URL('./packages/', import.meta.url));
const alias = readdirSync(packages).map((folder) => ({
  find: new RegExp(`^${folder === 'grpc-manifold' ? folder : `@grpc-manifold/${folder}`}$`),
  // Threads have programs of their own, and run what was built.
  replacement: `${packages}${folder}/${folder === 'thread-channel' ? 'dist/index.js' : 'src/index.ts'}`,
}));

export default defineConfig({
  resolve: { alias },
  // `using` is compiled down: the oldest Node we support has no syntax for it.
  oxc: { target: 'es2022' },
  test: {
    // Every pool's connections in worker threads (CONTRIBUTING.md).
    setupFiles: process.env['MANIFOLD_THREADS'] === undefined ? [] : ['test/e2e/src/threads/in-threads.ts'],
    include: ['{packages,examples,test}/*/src/**/*.test.ts'],
    // A process a file: tests count the sockets, timers and listeners of theirs.
    pool: 'forks',
    isolate: true,
    // Tests of the wire start servers in processes of their own, which need a core too.
    maxWorkers: Math.min(4, availableParallelism()),
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: {
      provider: 'v8',
      include: ['packages/*/src/**/*.ts'],
      exclude: ['**/*.test.ts', '**/index.ts', 'packages/testing/**'],
      reporter: ['text', 'html'],
    },
  },
});
