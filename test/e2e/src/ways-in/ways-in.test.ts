import { compareWithPlain } from './compare-with-plain.js';
import { waysIn } from './way.js';

compareWithPlain('as without a pool', waysIn);
