import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | undefined;

/**
 * Collects garbage until a condition is true. A turn of the event loop follows each collection, so that finalizers run.
 * Objects to be collected must be created in another function: the engine may keep the locals of a running function.
 *
 * @param rounds the maximum number of collections. Default 200.
 * @returns true when the condition became true.
 */
export async function collectGarbage(isSo: () => boolean, rounds = 200): Promise<boolean> {
  if (collect === undefined) {
    // https://nodejs.org/api/v8.html#v8setflagsfromstringflags: no flag is needed on the command line.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  for (let round = 0; round < rounds && !isSo(); round += 1) {
    // The target of a dereferenced WeakRef stays alive until the current job ends.
    await turn();
    collect();
    await turn();
  }
  return isSo();
}
