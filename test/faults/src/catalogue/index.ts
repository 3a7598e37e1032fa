import type { Fault } from '../fault.js';
import { BLACK_HOLES } from './black-holes.js';
import { CERTIFICATES } from './certificates.js';
import { ENDINGS } from './endings.js';
import { GOAWAYS } from './goaways.js';
import { LOWERED_SETTINGS } from './lowered-settings.js';
import { NAMES } from './names.js';
import { OUTAGES } from './outages.js';
import { SILENCES } from './silences.js';
import { SLOW_READER } from './slow-reader.js';
import { STREAM_RESETS } from './stream-resets.js';

/** Every fault, in the order of the table. */
export const FAULTS: readonly Fault[] = [
  ...GOAWAYS,
  ...ENDINGS,
  ...STREAM_RESETS,
  ...SILENCES,
  LOWERED_SETTINGS,
  ...BLACK_HOLES,
  SLOW_READER,
  ...CERTIFICATES,
  ...NAMES,
  ...OUTAGES,
];
