import type { StatusObject, status as Status } from '@grpc/grpc-js';
import { explainedStatus } from '../explanation/explain-object.js';
import type { CallExplanation } from '../explanation/explanation.js';
import { factsInWords } from './facts-in-words.js';

/** Characters of somebody else's words that go into ours: a header carries them, and a log. */
const MOST_FREE_TEXT = 1_000;

/**
 * One kind of words that our layers say of a call: how they are written, and beside it how they are read. The facts
 * that the sentence does not tell stand behind it.
 */
export interface Wording<Said> {
  /** What of the explanation the sentence tells. */
  readonly tells: readonly (keyof CallExplanation)[];
  /** Writes the sentence. Words of others stand at its end, through {@link freeText}. */
  readonly write: (said: Said) => string;
  /** Finds the sentence, as far as the words are ours. */
  readonly pattern: RegExp;
  /** Reads what the sentence tells; `free` are the words of others that follow it. */
  readonly read: (groups: Readonly<Record<string, string | undefined>>, free: string) => CallExplanation;
}

/** Makes a status in our words, which {@link explain} reads back from the status and from its `details` alone. */
export function wordedStatus<Said>(
  code: Status,
  wording: Wording<Said>,
  said: Said,
  explanation: CallExplanation,
  metadata?: StatusObject['metadata'],
): StatusObject {
  return explainedStatus(code, wording.write(said) + factsInWords(explanation, wording.tells), explanation, metadata);
}

/** Words of others, so that they cannot be taken for facts of ours: at most 1,000 characters, no `; `. */
export function freeText(text: string): string {
  const short = text.length > MOST_FREE_TEXT ? `${text.slice(0, MOST_FREE_TEXT - 1)}…` : text;
  return short.replaceAll('; ', ', ');
}
