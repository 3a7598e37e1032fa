interface Suppressing extends Error {
  readonly error: unknown;
  readonly suppressed: unknown;
}

type SuppressedErrorConstructor = new (error: unknown, suppressed: unknown, message?: string) => Suppressing;

const MESSAGE = 'An error was suppressed during disposal';

/**
 * Makes a `SuppressedError`: an error that came while another one was on its way. Node 20 and 22 have none: there it is
 * an Error of that name with the same fields, so never ask with `instanceof`.
 *
 * Source: https://tc39.es/proposal-explicit-resource-management/
 */
export function suppressedError(error: unknown, suppressed: unknown): Suppressing {
  const { SuppressedError: Native } = globalThis as { SuppressedError?: SuppressedErrorConstructor };
  if (Native !== undefined) return new Native(error, suppressed, MESSAGE);
  const made = new Error(MESSAGE);
  made.name = 'SuppressedError';
  return Object.assign(made, { error, suppressed });
}
