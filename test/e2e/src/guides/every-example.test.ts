import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as manifold from 'grpc-manifold';
import * as testing from '@grpc-manifold/testing';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { COMMON, GENERATED, OWN } from './documents.js';

const root = fileURLToPath(new URL('../../../../', import.meta.url));
/** Where the examples are for the compiler; nothing is there on the disk. */
const FOLDER = `${root}test/types/documents/`;
const documents = [
  'README.md',
  ...readdirSync(`${root}packages`).map((name) => `packages/${name}/README.md`),
  ...readdirSync(`${root}docs/guides`)
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/guides/${name}`),
];

interface Example {
  readonly document: string;
  /** The line that its first one comes after. */
  readonly line: number;
  readonly language: string;
  readonly code: string;
}

function examplesIn(document: string): Example[] {
  const text = readFileSync(root + document, 'utf8');
  return [...text.matchAll(/^ *```(ts|js)\n(.*?)^ *```$/gms)].map(({ index, 1: language, 2: code }) => ({
    document,
    line: text.slice(0, index).split('\n').length,
    language: language as string,
    code: code as string,
  }));
}

/** One line, which goes before the example: what this document leaves to its reader, unless the example has it. */
function prefaceOf({ document, code }: Example): string {
  const names = Object.entries(OWN[document] ?? {}).filter(([name]) => {
    return !new RegExp(
      `(const|using|class|interface|function) (\\{[^}]*\\b)?${name}\\b|import .*\\b${name}\\b.* from`,
    ).test(code);
  });
  const lines = names.map(([name, type]) =>
    /^[A-Z]/.test(name) ? `type ${name} = ${type};` : `declare const ${name}: ${type};`,
  );
  return `export {}; ${lines.join(' ').replaceAll('\n', ' ')}\n`;
}

/** Every name of the packages is there without an import: examples in guides do without. */
function globals(): string {
  const types = [
    'BoundedQueueInterceptor',
    'BreakerStates',
    'ChannelPool',
    'ChannelView',
    'CircuitBreakerInterceptor',
    'ConnectionPolicy',
    'PolicyAction',
    'PolicyReview',
    'PoolView',
    'PooledClient<C extends import("@grpc/grpc-js").Client>',
  ].map((name) => {
    const argument = name.includes('<') ? '<C>' : '';
    const from = name.startsWith('PolicyReview') ? '@grpc-manifold/core' : 'grpc-manifold';
    return `type ${name} = import('${from}').${name.replace(/<.*/, '')}${argument};`;
  });
  const values = [
    ...Object.keys(manifold).map((name) => `declare const ${name}: typeof import('grpc-manifold').${name};`),
    ...Object.keys(testing).map((name) => `declare const ${name}: typeof import('@grpc-manifold/testing').${name};`),
  ];
  return [...types, ...values, COMMON].join('\n');
}

/** Compiles all of them in one go, and tells of each what is wrong with it. */
function errorsIn(examples: readonly Example[]): string[] {
  const files = new Map<string, string>([
    [`${FOLDER}globals.d.ts`, globals()],
    [`${FOLDER}generated/greeter.d.ts`, GENERATED],
    ...examples.map((example, at): [string, string] => [
      `${FOLDER}${at}.${example.language}`,
      example.language === 'ts' ? prefaceOf(example) + example.code : `\n${example.code}`,
    ]),
  ]);
  const { options } = ts.convertCompilerOptionsFromJson(
    {
      target: 'ES2022',
      lib: ['ES2023', 'ESNext.Disposable'],
      module: 'NodeNext',
      moduleResolution: 'NodeNext',
      types: ['node'],
      strict: true,
      exactOptionalPropertyTypes: true,
      allowJs: true,
      noEmit: true,
      skipLibCheck: true,
    },
    root,
  );
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  const directoryExists = host.directoryExists?.bind(host) ?? (() => true);
  host.directoryExists = (path) => `${path}/`.startsWith(FOLDER) || directoryExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  const program = ts.createProgram([...files.keys()], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start = 0, messageText }) => {
    const words = ts.flattenDiagnosticMessageText(messageText, ' ');
    const example = examples[Number(/\/(\d+)\.\w+$/.exec(file?.fileName ?? '')?.[1])];
    if (file === undefined || example === undefined) return `${file?.fileName}: ${words}`;
    return `${example.document}:${example.line + file.getLineAndCharacterOfPosition(start).line}: ${words}`;
  });
}

describe('every example of the documents', () => {
  it('compiles as it is written', () => {
    const examples = documents.flatMap(examplesIn);
    expect(examples.length).toBeGreaterThan(40);
    const code = 'const one = 1;\nclient.sayGoodbye(one);\n';
    const wrong: Example = { document: 'README.md', line: 10, language: 'ts', code };
    expect(errorsIn([...examples, wrong])).toEqual([
      expect.stringMatching(/^README\.md:12: Property 'sayGoodbye' does not exist/),
    ]);
  });
});
