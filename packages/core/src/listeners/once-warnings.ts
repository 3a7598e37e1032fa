import { warn } from './warn.js';

/** The number of subjects that are remembered. */
const MOST_SUBJECTS = 100;

/** Emits one warning for each subject, instead of one for every call. After 100 subjects it emits no more warnings. */
export class OnceWarnings {
  readonly #subjects = new Set<string>();

  warn(subject: string, message: string): void {
    if (this.#subjects.has(subject) || this.#subjects.size >= MOST_SUBJECTS) return;
    this.#subjects.add(subject);
    warn(message);
  }
}
