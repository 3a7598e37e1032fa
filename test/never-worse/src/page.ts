import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Case, Family, Statement } from './case.js';
import type { Seen } from './seen.js';

const PAGE = fileURLToPath(new URL('../../../docs/never-worse.md', import.meta.url));
const BEGIN = '<!-- begin: npm run never-worse -->\n';
const END = '<!-- end: npm run never-worse -->';

const HEAD = ['what happens', 'plain client', 'pooled', 'pooled, in threads', 'report'];

/** The part of docs/never-worse.md that the catalogue writes. Each of its statements is asserted by a test. */
export function pageOf(families: readonly Family[]): string {
  const tables = families.map(({ heading, cases }) => `### ${heading}\n\n${tableOf(cases)}`);
  const notes = families.flatMap(({ cases }) => cases).flatMap(notesOf);
  const list = (is: Statement['is']): string =>
    notes
      .filter((note) => note.is === is)
      .map(({ text }) => text)
      .join('');
  return `\n${tables.join('\n')}
## Where a pooled client does better

${list('better')}
## Where a pooled client does something else

${list('difference')}
`;
}

function tableOf(cases: readonly Case[]): string {
  const rows = cases.map((each) => [
    each.title,
    sightsOf(each.plain),
    cellOf(each.pooled),
    each.notInThreads === undefined ? cellOf(each.threads ?? each.pooled) : '–',
    each.report === undefined ? '' : linkTo(each.report),
  ]);
  return [HEAD, HEAD.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function cellOf(stated: Statement | undefined): string {
  if (stated === undefined) return 'the same';
  return `**${stated.is === 'better' ? 'better' : 'different'}**: ${sightsOf(stated.saw)}`;
}

function sightsOf(seen: Seen): string {
  return Object.entries(seen)
    .map(([name, sight]) => `*${name}* ${typeof sight === 'number' ? sight : inCode(sight)}`)
    .join('; ');
}

/** Names of statuses as code: '3 × `OK`'. */
function inCode(sight: string): string {
  return sight.replace(/\b[A-Z][A-Z_]+\b/g, '`$&`');
}

/** 'grpc-node#1085' for an address of GitHub. */
function linkTo(report: string): string {
  const { name, number } =
    /github\.com\/[^/]+\/(?<name>[^/]+)\/(?:issues|pull)\/(?<number>\d+)$/.exec(report)?.groups ?? {};
  return name === undefined ? `[report](${report})` : `[${name}#${number}](${report})`;
}

function notesOf({ title, pooled, threads, notInThreads }: Case): { is: Statement['is'] | undefined; text: string }[] {
  const note = (stated: Statement, where: string): { is: Statement['is']; text: string } => {
    const decision = stated.decision === undefined ? '' : ` ([decision](decisions/${stated.decision}))`;
    return { is: stated.is, text: `- **${title}**${where} ${stated.why}${decision}\n` };
  };
  return [
    ...(pooled === undefined ? [] : [note(pooled, '')]),
    ...(threads === undefined || threads === pooled ? [] : [note(threads, ' In threads:')]),
    ...(notInThreads === undefined
      ? []
      : [{ is: 'difference' as const, text: `- **${title}** Not looked at in threads: ${notInThreads}\n` }]),
  ];
}

/**
 * Returns the generated part as the page has it and as it is to be, after writing that when `MANIFOLD_NEVER_WORSE` is
 * 'write'.
 */
export async function checkOrWrite(families: readonly Family[]): Promise<{ written: string; generated: string }> {
  const page = await readFile(PAGE, 'utf8');
  const [before = '', rest = ''] = page.split(BEGIN);
  const [written = '', after = ''] = rest.split(END);
  const generated = pageOf(families);
  if (process.env['MANIFOLD_NEVER_WORSE'] !== 'write') return { written, generated };
  await writeFile(PAGE, `${before}${BEGIN}${generated}${END}${after}`);
  return { written: generated, generated };
}
