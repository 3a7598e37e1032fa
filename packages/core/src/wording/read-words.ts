import type { CallExplanation } from '../explanation/explanation.js';
import { DEADLINE_WORDINGS } from './deadline-wordings.js';
import { readFacts } from './facts-in-words.js';
import { CANCELLED, GIVEN_UP, NOT_PROCESSED, NOT_TAKEN, THREW_BELOW, withFaultDetail } from './ending-wordings.js';
import { REFUSAL_WORDINGS } from './refusal.js';
import type { Wording } from './wording.js';

/** All wordings that grpc-manifold uses in the details of a status. */
const WORDINGS: readonly Pick<Wording<never>, 'pattern' | 'read'>[] = [
  ...Object.values(REFUSAL_WORDINGS),
  CANCELLED,
  GIVEN_UP,
  NOT_TAKEN,
  NOT_PROCESSED,
  THREW_BELOW,
  ...DEADLINE_WORDINGS,
];

/** The number of characters that are parsed. The details of grpc-manifold are shorter, also with a short prefix. */
const MOST_READ = 2_048;

/** Parses the first sentence of grpc-manifold in a text, at any position; undefined when there is none. */
export function readWords(text: string): CallExplanation | undefined {
  const read = text.slice(0, MOST_READ);
  let first: RegExpExecArray | undefined;
  let wording: (typeof WORDINGS)[number] | undefined;
  for (const each of WORDINGS) {
    const match = each.pattern.exec(read);
    if (match === null || (first !== undefined && match.index >= first.index)) continue;
    [first, wording] = [match, each];
  }
  if (first === undefined || wording === undefined) return undefined;
  const end = first.index + first[0].length;
  const { facts, at } = readFacts(read, end);
  const free = read.slice(end, at);
  return withFaultDetail({ ...wording.read(first.groups ?? {}, free), ...facts }, free);
}
