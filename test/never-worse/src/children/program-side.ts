import type { ProgramOptions } from '../program.js';
import type { Seen } from '../seen.js';

/** What the case has handed over. */
export function programOptions<Options extends ProgramOptions>(): Options {
  return JSON.parse(process.argv[2] ?? '{}') as Options;
}

/** Tells the case that the first part is done, and waits until it lets the program go on. */
export async function begun(): Promise<void> {
  process.send?.('begun');
  await new Promise((resolve) => process.once('message', resolve));
}

/** Tells the case what was seen, and holds the process no longer. */
export function tell(seen: Seen): void {
  process.send?.(seen, () => process.disconnect());
}
