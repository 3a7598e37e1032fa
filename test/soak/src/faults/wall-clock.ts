const { now } = Date;
let offsetMs = 0;

/** The wall clock of this process, as it was set. Several settings add up. */
export class WallClock {
  #isSet = true;

  private constructor(private readonly byMs: number) {}

  /** Sets it forward, or back when negative. */
  static set(byMs: number): WallClock {
    move(byMs);
    return new WallClock(byMs);
  }

  /** Undoes the setting; once. */
  restore(): void {
    if (this.#isSet) move(-this.byMs);
    this.#isSet = false;
  }
}

function move(byMs: number): void {
  offsetMs += byMs;
  Date.now = offsetMs === 0 ? now : () => now() + offsetMs;
}
