import { explanationOf } from './explain-object.js';
import type { CallExplanation } from './explanation.js';
import { readWords } from '../wording/read-words.js';

/** The number of causes that are followed. */
const MOST_CAUSES = 10;

/**
 * Explains an error or status: which limit caused it, and with what numbers. It first looks for an explanation that a
 * grpc-manifold layer in this process attached to the error or to one of its causes (up to ten). Otherwise it parses
 * the text of `details`, `message` or a string, the first 2,048 characters of each: some libraries, such as nice-grpc
 * and protobuf-ts, create their own errors and keep only the text. `from` tells which of the two it was.
 *
 * Returns undefined for an error that no grpc-manifold layer created or enriched. Never throws.
 */
export function explain(error: unknown): CallExplanation | undefined {
  const chain = causesOf(error);
  for (const each of chain) {
    const explanation = typeof each === 'object' ? attempt(() => explanationOf(each)) : undefined;
    if (explanation !== undefined) return { ...explanation, from: 'object' };
  }
  for (const each of chain) {
    for (const text of textsOf(each)) {
      const explanation = readWords(text);
      if (explanation !== undefined) return { ...explanation, from: 'text' };
    }
  }
  return undefined;
}

/** Returns the thrown value and its causes. The limit on causes also ends a cyclic chain. */
function causesOf(error: unknown): readonly (object | string)[] {
  const chain: (object | string)[] = [];
  let each = error;
  while (chain.length <= MOST_CAUSES) {
    if (typeof each === 'string') chain.push(each);
    if (typeof each !== 'object' || each === null) break;
    chain.push(each);
    const { current } = { current: each };
    each = attempt(() => (current as { cause?: unknown }).cause);
  }
  return chain;
}

function textsOf(from: object | string): readonly string[] {
  if (typeof from === 'string') return [from];
  const texts = [
    attempt(() => (from as { details?: unknown }).details),
    attempt(() => (from as { message?: unknown }).message),
  ];
  return texts.filter((text) => typeof text === 'string');
}

/** Reads a property. A getter or proxy that throws belongs to a foreign error, so it counts as undefined. */
function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
