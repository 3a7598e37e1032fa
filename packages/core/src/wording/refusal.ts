import type { StatusObject } from '@grpc/grpc-js';
import type { CallExplanation } from '../explanation/explanation.js';
import { REFUSAL_REASONS } from './refusal-reasons.js';
import { wordedStatus, type Wording } from './wording.js';

type Reasons = typeof REFUSAL_REASONS;
type Reason = keyof Reasons;
/** The facts in the sentence of a reason. */
type Said<By extends Reason> = Parameters<Reasons[By]['write']>[0];

/** The complete wording of each reason: how its sentence is written and how it is parsed. */
export const REFUSAL_WORDINGS = Object.fromEntries(
  Object.entries(REFUSAL_REASONS).map(([refusedBy, reason]) => [refusedBy, wordingOf(refusedBy as Reason, reason)]),
) as unknown as { readonly [By in Reason]: Wording<Said<By>> };

/**
 * Creates the status of a call that is refused before any byte of it is sent. {@link REFUSAL_REASONS} defines its code
 * and text; `explain` parses the facts.
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
