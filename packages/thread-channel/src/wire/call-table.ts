/** What a {@link CallTable} keeps. */
interface Numbered {
  readonly id: number;
}

const LEAST_SLOTS = 64;
/** 2^32 over the golden ratio: numbers that follow each other come to stand far apart, with free slots between them. */
const SPREAD = 0x9e37_79b1;

/**
 * Calls by their numbers: a hash table with linear probing. No `Map`, for what one does to the garbage collector where
 * entries come and go with every call (see `Line`).
 */
export class CallTable<Call extends Numbered> {
  #slots = emptySlots<Call>(LEAST_SLOTS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(id: number): Call | undefined {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let slot = placeOf(id, mask); ; slot = (slot + 1) & mask) {
      const call = slots[slot];
      if (call === undefined || call.id === id) return call;
    }
  }

  /** Takes in a call whose number is not in it. */
  add(call: Call): void {
    this.#size += 1;
    if (this.#size * 2 > this.#slots.length) this.#resize(this.#slots.length * 2);
    this.#put(call);
  }

  /** @returns false when it was not in it. */
  delete(call: Call): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let free = placeOf(call.id, mask);
    while (slots[free] !== call) {
      if (slots[free] === undefined) return false;
      free = (free + 1) & mask;
    }
    slots[free] = undefined;
    this.#size -= 1;
    // Whoever stands behind, and could not have the slot that is free now or one between, moves up.
    for (let slot = (free + 1) & mask; slots[slot] !== undefined; slot = (slot + 1) & mask) {
      const behind = slots[slot] as Call;
      if (((slot - placeOf(behind.id, mask)) & mask) < ((slot - free) & mask)) continue;
      slots[free] = behind;
      slots[slot] = undefined;
      free = slot;
    }
    if (slots.length > LEAST_SLOTS && this.#size * 16 < slots.length) this.#resize(slots.length / 4);
    return true;
  }

  toArray(): Call[] {
    return this.#slots.filter((call) => call !== undefined);
  }

  clear(): void {
    this.#slots = emptySlots(LEAST_SLOTS);
    this.#size = 0;
  }

  #put(call: Call): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = placeOf(call.id, mask);
    while (slots[slot] !== undefined) slot = (slot + 1) & mask;
    slots[slot] = call;
  }

  #resize(length: number): void {
    const calls = this.toArray();
    this.#slots = emptySlots(Math.max(length, LEAST_SLOTS));
    for (const call of calls) this.#put(call);
  }
}

/** The slot that a number would have in an empty table: high bits of the product, which are mixed best. */
function placeOf(id: number, mask: number): number {
  return (Math.imul(id, SPREAD) >>> 8) & mask;
}

function emptySlots<Call>(count: number): (Call | undefined)[] {
  return new Array<Call | undefined>(count).fill(undefined);
}
