/** One that waits for its turn. */
interface Waiting {
  readonly serve: () => void;
  next: Waiting | undefined;
}

/**
 * A single line that is served in order of arrival, each of them for the same time. It is exact over time however late
 * its timer is: a turn ends when it was due, not when somebody looked.
 */
export class PacedLine {
  #first: Waiting | undefined;
  #last: Waiting | undefined;
  #length = 0;
  #firstDueMs = 0;

  constructor(private serviceMs: number) {}

  /** How many wait, the one being served included. */
  get length(): number {
    return this.#length;
  }

  /** Milliseconds that each takes, from the next turn on. */
  setService(serviceMs: number): void {
    this.serviceMs = serviceMs;
  }

  /** Lets one stand in line. */
  add(serve: () => void, nowMs: number): void {
    const waiting: Waiting = { serve, next: undefined };
    if (this.#last === undefined) {
      this.#first = waiting;
      this.#firstDueMs = Math.max(this.#firstDueMs, nowMs) + this.serviceMs;
    } else {
      this.#last.next = waiting;
    }
    this.#last = waiting;
    this.#length += 1;
  }

  /** Ends every turn that is due. */
  work(nowMs: number): void {
    while (this.#first !== undefined && this.#firstDueMs <= nowMs) {
      const { serve, next } = this.#first;
      this.#first = next;
      if (next === undefined) this.#last = undefined;
      else this.#firstDueMs += this.serviceMs;
      this.#length -= 1;
      serve();
    }
  }
}
