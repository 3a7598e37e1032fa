import { inspect } from 'node:util';
import type { Violations } from '../violations.js';

const EVENTS = ['uncaughtException', 'unhandledRejection', 'warning'] as const;

/** Takes every error that nobody caught, and every warning, for a violation. Until it is disposed. */
export function watchProcess(violations: Violations): Disposable {
  const listeners = EVENTS.map((event) => {
    const listener = (reason: unknown): void => violations.add(`no ${event}`, inspect(reason));
    process.on(event, listener);
    return [event, listener] as const;
  });
  return {
    [Symbol.dispose]() {
      for (const [event, listener] of listeners) process.off(event, listener);
    },
  };
}
