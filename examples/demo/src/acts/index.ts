import type { Act } from '../act.js';
import { streamLimit } from './stream-limit.js';
import { stoppedServer } from './stopped-server.js';

/** Every act of the demo, in the order in which they play. A new act is a file beside these and a line here. */
export const ACTS: readonly Act[] = [streamLimit, stoppedServer];
