/**
 * A queue in front of one slot, reduced to what admission needs, so that queues of different make can be set against
 * each other. The slot is taken from the start; `n` wait.
 */
export interface WaitingLine {
  /**
   * Repeats `times`: one more waits at the end, the slot is freed, and the first in line gets it.
   * Resolves when the last was admitted and whatever the line does after that is done.
   */
  admit(times: number): Promise<void>;
  /** Repeats `times`: one somewhere in the line is cancelled, and another waits at the end. Not after an `admit`. */
  cancel(times: number): Promise<void>;
  /** How many wait. */
  readonly size: number;
  /** Lets go of timers. */
  close(): void;
}

/** Makes a line in which so many wait. */
export type WaitingLineMaker = (waiting: number) => WaitingLine;

/**
 * The tickets of those who wait. Which of them is cancelled next is spread evenly over the line, and always the same.
 */
export class Tickets<Ticket> {
  readonly #tickets: Ticket[] = [];
  #turn = 0;

  /** Adds one. */
  push(ticket: Ticket): void {
    this.#tickets.push(ticket);
  }

  /** Gives the next to be cancelled, and takes the one that comes in at the end for it. */
  replace(replacement: Ticket): Ticket {
    // Multiples of the golden ratio never crowd: every part of the line is hit equally often.
    this.#turn = (this.#turn + 0.618_033_988_749_895) % 1;
    const index = Math.floor(this.#turn * this.#tickets.length);
    const ticket = this.#tickets[index] as Ticket;
    this.#tickets[index] = replacement;
    return ticket;
  }
}
