import type { Random } from '@grpc-manifold/core/internal';
import type { MemberView, Picker } from './picker.js';
import { lesserOfTwo } from './two-choices.js';

/** Draws two connections at random and picks the one with fewer streams. For pools of many connections. */
export class PowerOfTwoPicker implements Picker {
  constructor(private readonly random: Random) {}

  pick(members: readonly MemberView[]): MemberView | undefined {
    return lesserOfTwo(members, this.random, usedStreams);
  }
}

function usedStreams(member: MemberView): number {
  return member.usedStreams;
}
