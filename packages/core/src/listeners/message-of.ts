/** Returns the message of a thrown value of any type, for the details of a status. */
export function messageOf(error: unknown): string {
  const message: unknown = (error as { message?: unknown } | null | undefined)?.message;
  return typeof message === 'string' ? message : String(error);
}
