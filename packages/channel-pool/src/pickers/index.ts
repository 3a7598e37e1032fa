import type { Clock, Random } from '@grpc-manifold/core/internal';
import { LeastStreamsPicker } from './least-streams.js';
import { PeakEwmaPicker } from './peak-ewma.js';
import type { Picker } from './picker.js';
import { PowerOfTwoPicker } from './power-of-two.js';
import { RoundRobinPicker } from './round-robin.js';

/** The names of the pickers that come with the pool. */
export const PICKER_NAMES = ['least-streams', 'power-of-two', 'round-robin', 'peak-ewma'] as const;
/** One of {@link PICKER_NAMES}. */
export type PickerName = (typeof PICKER_NAMES)[number];

/** Makes the picker of that name; one of the user's own is taken as it is. */
export function pickerOf(choice: PickerName | Picker, clock: Clock, random: Random): Picker {
  switch (choice) {
    case 'least-streams':
      return new LeastStreamsPicker();
    case 'power-of-two':
      return new PowerOfTwoPicker(random);
    case 'round-robin':
      return new RoundRobinPicker();
    case 'peak-ewma':
      return new PeakEwmaPicker(clock, random);
    default:
      return choice;
  }
}
