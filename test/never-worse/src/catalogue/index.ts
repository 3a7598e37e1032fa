import type { Family } from '../case.js';
import { answers } from './answers.js';
import { calls } from './calls.js';
import { closing } from './closing.js';
import { connections } from './connections.js';
import { deadlines } from './deadlines.js';
import { losses } from './losses.js';
import { silences } from './silences.js';
import { targets } from './targets.js';
import { tunnels } from './tunnels.js';
import { waysIn } from './ways-in.js';

/** Every case. */
export const CATALOGUE: readonly Family[] = [
  calls,
  deadlines,
  connections,
  silences,
  losses,
  targets,
  tunnels,
  answers,
  closing,
  waysIn,
];
