import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

const CLOCK = 'Time comes from the Clock of @grpc-manifold/core, so that a test can bring its own.';
const RANDOM = 'Chance comes from the Random of @grpc-manifold/core, so that a test can seed it.';

const WAITING =
  'A test waits for an event, by `waitFor`, or by `until` or `eventually` of @grpc-manifold/testing. Real time passes by its ' +
  '`timePasses`, `later` and `repeatedly`, which say what for.';

/** What is not shipped: it may read the time, and it meets the `any` of dynamically loaded protos. */
const UNSHIPPED = ['**/*.test.ts', 'packages/testing/**', 'examples/**', 'test/**'];

/** Timers, and waits with a time of their own. */
const TIMERS = ['setTimeout', 'setInterval'];

/** Lines of a source file at the most. Tests may be longer. */
const MAX_LINES = 400;

export default defineConfig(
  globalIgnores(['**/dist/', '**/coverage/', '**/results/', '**/.turbo/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    rules: {
      // Prettier breaks code at 120. What it cannot break is text.
      'max-len': [
        'error',
        { code: 120, ignoreStrings: true, ignoreTemplateLiterals: true, ignoreRegExpLiterals: true, ignoreUrls: true },
      ],
    },
  },
  {
    files: ['{packages,examples,test}/*/src/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: { 'max-lines': ['error', MAX_LINES] },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { module: 'writable', require: 'readonly', __dirname: 'readonly' },
    },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      curly: ['error', 'multi-line'],
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/return-await': ['error', 'in-try-catch'],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // The compiler reports unused names (noUnusedLocals, noUnusedParameters) and knows `using`.
      '@typescript-eslint/no-unused-vars': 'off',
      // `async` without `await` is how a function promises to reject instead of throwing.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: UNSHIPPED.map((pattern) => (pattern.endsWith('.ts') ? pattern : `${pattern}/*.ts`)),
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    ignores: ['packages/core/src/time/clock.ts', 'packages/core/src/time/random.ts', ...UNSHIPPED],
    rules: {
      'no-console': 'error',
      'no-restricted-globals': [
        'error',
        {
          checkGlobalObject: true,
          globals: ['setTimeout', 'setInterval', 'setImmediate', 'performance'].map((name) => ({
            name,
            message: CLOCK,
          })),
        },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: CLOCK },
        { object: 'AbortSignal', property: 'timeout', message: CLOCK },
        { object: 'process', property: 'hrtime', message: CLOCK },
        { object: 'Math', property: 'random', message: RANDOM },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: CLOCK },
        { selector: "CallExpression[callee.name='Date']", message: CLOCK },
      ],
      'no-restricted-imports': [
        'error',
        {
          patterns: [{ regex: '^(node:)?(timers(/promises)?|perf_hooks)$', message: CLOCK }],
        },
      ],
    },
  },
  {
    // Programs that measure in real time are none: examples, benchmarks and the soak.
    files: ['**/*.test.ts', 'packages/testing/src/**/*.ts', 'test/{e2e,faults,never-worse,peers}/src/**/*.ts'],
    ignores: ['packages/testing/src/clock/real-time.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        { checkGlobalObject: true, globals: TIMERS.map((name) => ({ name, message: WAITING })) },
      ],
      'no-restricted-properties': [
        'error',
        { object: 'AbortSignal', property: 'timeout', message: WAITING },
        { object: 'vi', property: 'waitFor', message: WAITING },
        { object: 'vi', property: 'waitUntil', message: WAITING },
        { object: 'expect', property: 'poll', message: WAITING },
      ],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex: '^(node:)?timers(/promises)?$',
              importNamePattern: '^(setTimeout|setInterval|scheduler|default)$',
              message: WAITING,
            },
          ],
        },
      ],
    },
  },
);
