import { createLogUpdate } from 'log-update';
import type { Step } from './run-scenario.js';

/** Shows what runs at the moment, on standard error: one line that changes, or now and then a line of its own. */
export interface Progress {
  step(scenario: string, step: Step): void;
  /** Clears the line, so that something lasting can be printed. */
  clear(): void;
}

/** Starts showing progress. */
export function startProgress(): Progress {
  const line = process.stderr.isTTY ? createLogUpdate(process.stderr) : undefined;
  let lastLogged = '';
  return {
    step(scenario, { round, rounds, warmUp, caseName, variant }) {
      const where = `${scenario}: round ${round} of ${rounds}${warmUp ? ', warm-up' : ''}`;
      const what = caseName === '' ? variant : `${caseName}, ${variant}`;
      if (line !== undefined) {
        line(`${where}: ${what}`);
        return;
      }
      const logged = rounds === 1 ? `${where}: ${what}` : where;
      if (logged !== lastLogged && (rounds === 1 || round % 5 === 1)) process.stderr.write(`${logged}\n`);
      lastLogged = logged;
    },
    clear: () => line?.clear(),
  };
}
