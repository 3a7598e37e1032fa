import { warn } from './warn.js';

/** Subjects that are remembered. */
const MOST_SUBJECTS = 100;

/** Warns once of each subject, of what would otherwise be told with every call. Beyond 100 subjects it is silent. */
export class OnceWarnings {
  readonly #subjects = new Set<string>();

  warn(subject: string, message: string): void {
    if (this.#subjects.has(subject) || this.#subjects.size >= MOST_SUBJECTS) return;
    this.#subjects.add(subject);
    warn(message);
  }
}
