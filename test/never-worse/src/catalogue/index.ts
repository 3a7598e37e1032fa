import type { Family } from '../case.js';
import { answers } from './answers.js';
import { calls } from './calls.js';
import { connections } from './connections.js';
import { deadlines } from './deadlines.js';
import { targets } from './targets.js';

/** Every case. */
export const CATALOGUE: readonly Family[] = [calls, deadlines, connections, targets, answers];
