import { existsSync, readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

/** What the numbers were measured on. */
export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  /** Average of the last minute when it was asked for: well above 0 before a run, others were at work. */
  readonly load: number;
  /** Package name to installed version. */
  readonly packages: Readonly<Record<string, string>>;
}

const COMPARED = ['@grpc/grpc-js', 'grpc-gcp', 'grpc-manifold', 'p-queue'] as const;

/** Describes this machine and what is installed. */
export function thisMachine(): Machine {
  return {
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    load: loadavg()[0] ?? 0,
    packages: Object.fromEntries(COMPARED.map((name) => [name, installedVersion(name)])),
  };
}

/** Not by `import.meta.resolve('NAME/package.json')`: not every package exports it. */
function installedVersion(name: string): string {
  for (let folder = new URL('./', import.meta.url); ; folder = new URL('../', folder)) {
    const file = new URL(`node_modules/${name}/package.json`, folder);
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
    if (fileURLToPath(folder) === fileURLToPath(new URL('../', folder))) return 'unknown';
  }
}
