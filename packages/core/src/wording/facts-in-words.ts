import type { CallExplanation } from '../explanation/explanation.js';
import type { TransportFaultTag } from '../faults/fault.js';

/** A number as JavaScript writes it, without a sign. */
export const NUMBER = '(?:\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?|Infinity)';

/** One fact of an explanation as text: how it is written and how it is parsed. */
interface FactInWords {
  readonly key: keyof CallExplanation;
  /** Returns the text of the fact; undefined when the explanation does not contain it. */
  readonly write: (explanation: CallExplanation) => string | undefined;
  readonly pattern: string;
  /** @param words the text that the pattern matched. */
  readonly read: (words: string) => CallExplanation;
}

/** A fact that is one number. `#` in the pattern stands for the number. */
function numberFact(
  key: keyof CallExplanation,
  pattern: string,
  isWorthSaying = (_value: number) => true,
): FactInWords {
  return {
    key,
    write: ({ [key]: value }) =>
      typeof value === 'number' && isWorthSaying(value) ? pattern.replace('#', String(value)) : undefined,
    pattern: pattern.replace('#', NUMBER),
    read: (words) => ({ [key]: Number(new RegExp(NUMBER).exec(words)?.[0]) }),
  };
}

/** The facts that follow a sentence, in this order. A wait of 0 ms is left out. */
const FACTS: readonly FactInWords[] = [
  numberFact('inFlightCalls', '# calls in flight'),
  numberFact('queuedCalls', '# queued'),
  numberFact('queueWaitMs', 'waited # ms', (value) => value > 0),
  {
    // The connection that a call was retried on is the connection that carried it.
    key: 'retriedOn',
    write: ({ retriedOn }) => (retriedOn === undefined ? undefined : `tried again on connection ${retriedOn}`),
    pattern: 'tried again on connection \\d+',
    read: (words) => {
      const retriedOn = Number(/\d+/.exec(words)?.[0]);
      return { retriedOn, channelId: retriedOn };
    },
  },
  {
    key: 'channelId',
    write: ({ channelId, retriedOn }) =>
      channelId === undefined || channelId === retriedOn ? undefined : `on connection ${channelId}`,
    pattern: 'on connection \\d+',
    read: (words) => ({ channelId: Number(/\d+/.exec(words)?.[0]) }),
  },
  {
    key: 'fault',
    write: ({ fault }) => fault && `fault ${fault.tag}`,
    pattern: 'fault [a-z-]+',
    read: (words) => ({ fault: { tag: words.slice('fault '.length) as TransportFaultTag, detail: '' } }),
  },
  {
    key: 'neverSent',
    write: ({ neverSent }) => (neverSent === true ? 'never sent' : undefined),
    pattern: 'never sent',
    read: () => ({ neverSent: true }),
  },
];

const ANY_FACT = FACTS.map(({ pattern }) => pattern).join('|');
/** Matches the facts that follow a sentence: `; 3 calls in flight, 0 queued`. */
const ALL_FACTS = new RegExp(`; ((?:${ANY_FACT})(?:, (?:${ANY_FACT}))*)(?![\\w-])`, 'y');

/**
 * Writes the facts that follow a sentence: `; 3 calls in flight, 0 queued, waited 12 ms`. Returns an empty string when
 * there are none.
 *
 * @param told the facts that the sentence already contains.
 */
export function factsInWords(explanation: CallExplanation, told: readonly (keyof CallExplanation)[]): string {
  const words = FACTS.flatMap(({ key, write }) => (told.includes(key) ? [] : (write(explanation) ?? [])));
  return words.length === 0 ? '' : `; ${words.join(', ')}`;
}

/**
 * Parses the facts that follow a sentence: the last facts in the text.
 *
 * @param from the index where the sentence ends.
 * @returns the facts and the index where they begin; the length of the text when there are none.
 */
export function readFacts(text: string, from: number): { readonly facts: CallExplanation; readonly at: number } {
  let found: RegExpExecArray | undefined;
  for (let at = text.indexOf('; ', from); at >= 0; at = text.indexOf('; ', at)) {
    ALL_FACTS.lastIndex = at;
    const match = ALL_FACTS.exec(text);
    if (match !== null) found = match;
    at += match?.[0].length ?? 1;
  }
  if (found === undefined) return { facts: {}, at: text.length };
  const facts = (found[1] as string).split(', ').map(readFact);
  return { facts: Object.assign({}, ...facts) as CallExplanation, at: found.index };
}

function readFact(words: string): CallExplanation {
  const fact = FACTS.find(({ pattern }) => new RegExp(`^(?:${pattern})$`).test(words));
  return fact?.read(words) ?? {};
}
