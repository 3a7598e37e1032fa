// Fails when a folder holds more source files than a reader takes in at a glance. Tests are not counted.
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';

const MAX_SOURCES = 16;

const root = join(import.meta.dirname, '../');
const isSource = (path) => /\.[cm]?[jt]s$/.test(path) && !/\.(test|d)\.[cm]?ts$/.test(path);

const counts = new Map();
for (const top of ['packages', 'examples', 'test']) {
  for (const workspace of readdirSync(root + top, { withFileTypes: true })) {
    const src = `${top}/${workspace.name}/src`;
    for (const path of workspace.isDirectory() ? filesIn(src) : []) {
      const folder = dirname(path);
      counts.set(folder, (counts.get(folder) ?? 0) + 1);
    }
  }
}

const tooFull = [...counts].filter(([, count]) => count > MAX_SOURCES);
for (const [folder, count] of tooFull)
  process.stderr.write(`${folder} has ${count} source files; at most ${MAX_SOURCES}: make a room\n`);
process.exitCode = tooFull.length === 0 ? 0 : 1;

function filesIn(folder) {
  try {
    return readdirSync(root + folder, { recursive: true, encoding: 'utf8' })
      .map((path) => `${folder}/${path.replaceAll('\\', '/')}`)
      .filter(isSource);
  } catch {
    // Not every workspace has sources.
    return [];
  }
}
