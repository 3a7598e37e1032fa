import { compareWithPlain } from '../ways-in/compare-with-plain.js';
import { admittingWays, holdingWays, showsThePeerAtOnce } from './queued-ways.js';

compareWithPlain('as without a bounded queue, which has room', admittingWays);
compareWithPlain('as without a bounded queue, in which calls wait', holdingWays, showsThePeerAtOnce);
