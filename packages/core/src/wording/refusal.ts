import type { StatusObject } from '@grpc/grpc-js';
import type { CallExplanation } from '../explanation/explanation.js';
import { REFUSAL_REASONS } from './refusal-reasons.js';
import { wordedStatus, type Wording } from './wording.js';

type Reasons = typeof REFUSAL_REASONS;
type Reason = keyof Reasons;
/** What the sentence of a reason says. */
type Said<By extends Reason> = Parameters<Reasons[By]['write']>[0];

/** The whole sentence of each reason: how it is written, and how it is read. */
export const REFUSAL_WORDINGS = Object.fromEntries(
  Object.entries(REFUSAL_REASONS).map(([refusedBy, reason]) => [refusedBy, wordingOf(refusedBy as Reason, reason)]),
) as unknown as { readonly [By in Reason]: Wording<Said<By>> };

/**
 * Makes the status of a call that is refused before any byte of it is sent. Its code and its words are those of
 * {@link REFUSAL_REASONS}; `explain` reads back the facts.
 */
export function refusal<By extends Reason>(
  refusedBy: By,
  said: Said<By>,
  facts: Omit<CallExplanation, 'refusedBy'>,
): StatusObject {
  const wording: Wording<Said<By>> = REFUSAL_WORDINGS[refusedBy];
  return wordedStatus(REFUSAL_REASONS[refusedBy].code, wording, said, { ...facts, refusedBy });
}

function wordingOf(refusedBy: Reason, reason: Reasons[Reason]): Wording<never> {
  const beginning = `Refused before it was sent, ${refusedBy}: `;
  return {
    tells: ['refusedBy', ...reason.tells],
    write: (said) => beginning + reason.write(said),
    pattern: new RegExp(beginning + reason.pattern),
    read: (groups, free) => ({ refusedBy, ...reason.read(groups, free) }),
  };
}
