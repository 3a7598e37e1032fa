/** Gives the message of what was thrown, which may be anything, for the details of a status. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
