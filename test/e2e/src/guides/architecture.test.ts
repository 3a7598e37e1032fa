import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const page = readFileSync(`${ROOT}docs/architecture.md`, 'utf8');

interface Rule {
  readonly name: string;
}

/** The rooms of channel-pool as the check of imports has them, the highest first. */
function enforcedRooms(): string[] {
  const { forbidden } = createRequire(import.meta.url)(`${ROOT}.dependency-cruiser.cjs`) as { forbidden: Rule[] };
  return forbidden.flatMap(({ name }) => (name.startsWith('rooms-') ? [name.slice('rooms-'.length)] : []));
}

it('names files and folders that exist', () => {
  const paths = [...page.matchAll(/`((?:packages|test|docs|examples)\/[^`]*)`/g)].map(([, path]) => path as string);
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.filter((path) => !existsSync(ROOT + path))).toEqual([]);
});

it('names the rooms of channel-pool that the check of imports has, in their order', () => {
  const rows = [...page.matchAll(/^\| \d+ \| (.+?) \|/gm)].map(([, rooms]) => rooms as string);
  const rooms = rows.flatMap((row) => [...row.matchAll(/`([^`]+)`/g)].map(([, room]) => room as string));
  expect(rooms).toEqual(enforcedRooms());
});
