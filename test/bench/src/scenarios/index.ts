import type { Scenario } from '../scenario.js';
import { breaker } from './breaker.js';
import { overhead } from './overhead.js';
import { overload } from './overload.js';
import { pick } from './pick.js';
import { queue } from './queue.js';
import { rotation } from './rotation.js';
import { stalledServer } from './stalled-server.js';
import { streamsLimit } from './streams-limit.js';
import { threads } from './threads.js';

/** Every scenario, in the order that they run in. */
export const scenarios: readonly Scenario[] = [
  overhead,
  streamsLimit,
  stalledServer,
  overload,
  queue,
  pick,
  rotation,
  breaker,
  threads,
];
