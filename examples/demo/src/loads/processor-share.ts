/**
 * Measures how much of a processor this process got while its event loop had work: about 1 on a machine of its own, and
 * more where Node's other threads help. Well under 1, something else took the time.
 */
export class ProcessorShare {
  readonly #cpu = process.cpuUsage();
  readonly #loop = performance.eventLoopUtilization();

  /** The share since this was made. */
  read(): number {
    const { user, system } = process.cpuUsage(this.#cpu);
    const { active } = performance.eventLoopUtilization(this.#loop);
    return active === 0 ? 1 : (user + system) / 1_000 / active;
  }
}
