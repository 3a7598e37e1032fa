/** In a program: whoever started it. The program ends when that lets go of it, and leaves a Ctrl-C to it. */
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit());
// It may have let go already.
if (process.connected !== true) process.exit();

/** What the program was started with. */
export function settings<Settings>(): Settings {
  return JSON.parse(process.argv[2] as string) as Settings;
}

/** Tells something to whoever started the program; nobody when that has let go of it meanwhile. */
export function tell(message: unknown): void {
  process.send?.(message, undefined, undefined, () => undefined);
}
