import { explanationOf } from './explain-object.js';
import type { CallExplanation } from './explanation.js';
import { readWords } from '../wording/read-words.js';

/** How far a chain of causes is followed. */
const MOST_CAUSES = 10;

/**
 * Reads what our layers know of an error or status: which limit fired and with what numbers. What one of them said in
 * this process is found on the error itself and on its causes, up to ten. Failing that, our words are read from
 * `details`, `message` or a string, the first 2,048 characters of each: that is all that some libraries leave of an
 * error (nice-grpc and protobuf-ts make their own). `from` tells which it was.
 *
 * Returns undefined for anything that none of our layers made or enriched; never throws.
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

/** What was thrown, and its causes. A chain that leads back to itself ends where all do. */
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

/** A getter or a proxy that throws: whatever it is, it is not ours. */
function attempt<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
