import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/**
 * Collects garbage, with a turn of the event loop after each time in which finalizers run, until something is so. What
 * is to be collected must have been made in another function: the engine may keep what a running one has held.
 *
 * @param rounds how often at most. Default 200.
 * @returns whether it came to be so.
 */
export async function collectGarbage(isSo: () => boolean, rounds = 200): Promise<boolean> {
  if (collect === undefined) {
    // https://nodejs.org/api/v8.html#v8setflagsfromstringflags: no flag is needed on the command line.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  for (let round = 0; round < rounds && !isSo(); round += 1) {
    // What a WeakRef was asked for is kept until the job ends that asked.
    await turn();
    collect();
    await turn();
  }
  return isSo();
}
