/** Longer names are not compared: no option name is half as long. */
const MAX_LENGTH = 64;

/**
 * Finds the known name that the user probably meant: the name with the smallest edit distance, if the distance is at
 * most a third of the length; otherwise the only known name that contains the given name. Ignores case. Returns
 * undefined when no name is similar.
 */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  if (name.length === 0 || name.length > MAX_LENGTH) return undefined;
  const given = name.toLowerCase();
  let nearest: string | undefined;
  let fewest = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const one of known) {
    if (one.length > MAX_LENGTH || Math.abs(one.length - name.length) >= fewest) continue;
    const edits = editsBetween(given, one.toLowerCase());
    if (edits >= fewest) continue;
    fewest = edits;
    nearest = one;
  }
  if (nearest !== undefined || name.length < 4) return nearest;
  const containing = known.filter((one) => one.toLowerCase().includes(given));
  return containing.length === 1 ? containing[0] : undefined;
}

/** The optimal string alignment distance, computed row by row. */
function editsBetween(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = one[row - 1] === other[column - 1];
      const changed = (last[column - 1] as number) + (isSame ? 0 : 1);
      const cheapest = Math.min(changed, (last[column] as number) + 1, (current[column - 1] as number) + 1);
      const isSwapped =
        row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      current.push(isSwapped ? Math.min(cheapest, (beforeLast[column - 2] as number) + 1) : cheapest);
    }
    beforeLast = last;
    last = current;
  }
  return last[other.length] as number;
}
