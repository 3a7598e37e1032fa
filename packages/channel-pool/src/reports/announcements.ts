/**
 * Tells listeners of users last. What an operation of the pool has to tell is told when the outermost operation is over
 * and the books are done, in the order in which it happened. So a listener sees the pool as it is, and may call
 * whatever it likes: what that has to tell comes after what is still to be told.
 */
export class Announcements {
  readonly #untold: (() => void)[] = [];
  #depth = 0;
  #isTelling = false;

  /** Carries out an operation of the pool. May be called inside another. */
  during<T>(operation: () => T): T {
    this.#depth += 1;
    try {
      return operation();
    } finally {
      this.#depth -= 1;
      this.#tellAll();
    }
  }

  /** Calls back now, or when the operation is over that is under way. */
  tell(announcement: () => void): void {
    this.#untold.push(announcement);
    this.#tellAll();
  }

  #tellAll(): void {
    if (this.#depth > 0 || this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let next = this.#untold.shift(); next !== undefined; next = this.#untold.shift()) next();
    } finally {
      this.#isTelling = false;
    }
  }
}
