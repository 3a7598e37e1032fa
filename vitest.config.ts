import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Tests run on the sources of every package, so that coverage and stack traces speak of them. */
const packages = fileURLToPath(new URL('./packages/', import.meta.url));
const alias = readdirSync(packages).map((folder) => ({
  find: new RegExp(`^${folder === 'grpc-manifold' ? folder : `@grpc-manifold/${folder}`}$`),
  replacement: `${packages}${folder}/src/index.ts`,
}));

export default defineConfig({
  resolve: { alias },
  // `using` is compiled down: the oldest Node we support has no syntax for it.
  esbuild: { target: 'es2022' },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/e2e/src/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: { include: ['packages/*/src/**/*.ts'], exclude: ['**/*.test.ts', 'packages/testing/**'] },
  },
});
