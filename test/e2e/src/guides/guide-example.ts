import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const read = (path: string): string => readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');

/** The TypeScript in a guide, block by block, without the indentation of lists. */
export function examplesOf(guide: string): string[] {
  const blocks = read(`../../../../docs/guides/${guide}`).matchAll(/^( *)```ts\n(.*?)^ *```$/gms);
  return [...blocks].map(([, , code]) => dedent(code as string));
}

/** The code between `// #region` and `// #endregion` in a test, in order. */
export function regionsOf(test: string): string[] {
  const regions = read(test).matchAll(/^ *\/\/ #region\n(.*?)^ *\/\/ #endregion$/gms);
  return [...regions].map(([, code]) => dedent(code as string));
}

function dedent(code: string): string {
  const lines = code.trimEnd().split('\n');
  const indents = lines.filter((line) => line.trim() !== '').map((line) => line.length - line.trimStart().length);
  return lines.map((line) => line.slice(Math.min(...indents))).join('\n');
}
