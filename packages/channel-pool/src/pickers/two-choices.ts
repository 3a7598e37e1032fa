import type { Random } from '@grpc-manifold/core/internal';
import type { MemberView } from './picker.js';

/**
 * Draws two different members and takes the one whose load is less: nearly as even as looking at all, at a cost that
 * does not grow with their number (M. Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, 2001).
 */
export function lesserOfTwo(
  members: readonly MemberView[],
  random: Random,
  loadOf: (member: MemberView) => number,
): MemberView | undefined {
  const count = members.length;
  if (count < 2) return members[0];
  const first = Math.floor(random.next() * count);
  const second = (first + 1 + Math.floor(random.next() * (count - 1))) % count;
  const [one, other] = [members[first] as MemberView, members[second] as MemberView];
  return loadOf(other) < loadOf(one) ? other : one;
}
