import type { Queue, QueueAddOptions } from 'p-queue';

type Run = () => Promise<unknown>;

/** What p-queue hands to `enqueue`: the options given to `add`, copied, with an id filled in. */
export type LinkedOptions = QueueAddOptions & { readonly ticket?: LinkedTicket };

/** Given along with the options, it learns its place, so that it can be taken out without p-queue. */
export interface LinkedTicket {
  node?: Node;
}

interface Node {
  readonly run: Run;
  readonly id: string | undefined;
  previous: Node | undefined;
  next: Node | undefined;
}

/**
 * A `queueClass` for p-queue that is first-in first-out and takes out of the middle in O(1): a doubly linked list, and
 * an index by the id that p-queue removes by.
 */
export class LinkedRunQueue implements Queue<Run, LinkedOptions> {
  readonly #byId = new Map<string, Node>();
  #first: Node | undefined;
  #last: Node | undefined;
  size = 0;

  enqueue(run: Run, options?: Partial<LinkedOptions>): void {
    const id = options?.ticket === undefined ? options?.id : undefined;
    const node: Node = { run, id, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = node;
    else this.#last.next = node;
    this.#last = node;
    this.size += 1;
    if (options?.ticket !== undefined) options.ticket.node = node;
    else if (id !== undefined) this.#byId.set(id, node);
  }

  dequeue(): Run | undefined {
    const node = this.#first;
    if (node !== undefined) this.unlink(node);
    return node?.run;
  }

  /** p-queue calls this when the signal of a waiting task fires. */
  remove(id: string): void {
    const node = this.#byId.get(id);
    if (node !== undefined) this.unlink(node);
  }

  /** Takes a run out, wherever it stands. It must be waiting. */
  unlink(node: Node): void {
    if (node.previous === undefined) this.#first = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.#last = node.previous;
    else node.next.previous = node.previous;
    this.size -= 1;
    if (node.id !== undefined) this.#byId.delete(node.id);
  }

  filter(): Run[] {
    throw new Error('There are no priorities');
  }

  setPriority(): void {
    throw new Error('There are no priorities');
  }
}
