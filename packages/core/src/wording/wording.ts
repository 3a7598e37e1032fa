import type { StatusObject, status as Status } from '@grpc/grpc-js';
import { explainedStatus } from '../explanation/explain-object.js';
import type { CallExplanation } from '../explanation/explanation.js';
import { factsInWords } from './facts-in-words.js';

/** The number of characters of foreign text in a status: its details end up in headers and logs. */
const MOST_FREE_TEXT = 1_000;

/**
 * One kind of sentence in the details of a status: how it is written and how it is parsed. Facts that the sentence does
 * not contain follow it.
 */
export interface Wording<Said> {
  /** The properties of the explanation that the sentence contains. */
  readonly tells: readonly (keyof CallExplanation)[];
  /** Writes the sentence. Foreign text comes at its end and goes through {@link freeText}. */
  readonly write: (said: Said) => string;
  /** Matches the sentence without the foreign text at its end. */
  readonly pattern: RegExp;
  /** Parses the sentence; `free` is the foreign text at its end. */
  readonly read: (groups: Readonly<Record<string, string | undefined>>, free: string) => CallExplanation;
}

/** Creates a status whose explanation {@link explain} can read from the object or parse from the `details`. */
export function wordedStatus<Said>(
  code: Status,
  wording: Wording<Said>,
  said: Said,
  explanation: CallExplanation,
  metadata?: StatusObject['metadata'],
): StatusObject {
  return explainedStatus(code, wording.write(said) + factsInWords(explanation, wording.tells), explanation, metadata);
}

/** Shortens foreign text to 1,000 characters and replaces `; `, so that it cannot be mistaken for facts. */
export function freeText(text: string): string {
  const short = text.length > MOST_FREE_TEXT ? `${text.slice(0, MOST_FREE_TEXT - 1)}…` : text;
  return short.replaceAll('; ', ', ');
}
