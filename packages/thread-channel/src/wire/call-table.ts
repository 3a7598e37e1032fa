interface Numbered {
  readonly id: number;
}

const LEAST_SLOTS = 64;
/** 2^32 divided by the golden ratio (Fibonacci hashing): consecutive numbers get slots far apart. */
const MULTIPLIER = 0x9e37_79b1;

/**
 * Calls by their numbers: a hash table with linear probing. It is not a `Map`, because a `Map` whose entries come and
 * go with every call costs the garbage collector much (docs/decisions/0017-no-map-of-calls.md).
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
    for (let slot = slotOf(id, mask); ; slot = (slot + 1) & mask) {
      const call = slots[slot];
      if (call === undefined || call.id === id) return call;
    }
  }

  /** Adds a call. Its number must not be in the table. */
  add(call: Call): void {
    this.#size += 1;
    if (this.#size * 2 > this.#slots.length) this.#resize(this.#slots.length * 2);
    this.#put(call);
  }

  /** @returns false when the call is not in the table. */
  delete(call: Call): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let free = slotOf(call.id, mask);
    while (slots[free] !== call) {
      if (slots[free] === undefined) return false;
      free = (free + 1) & mask;
    }
    slots[free] = undefined;
    this.#size -= 1;
    // Moves later calls of the same run into the free slot, so that a probe still finds them.
    for (let slot = (free + 1) & mask; slots[slot] !== undefined; slot = (slot + 1) & mask) {
      const behind = slots[slot] as Call;
      if (((slot - slotOf(behind.id, mask)) & mask) < ((slot - free) & mask)) continue;
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
    let slot = slotOf(call.id, mask);
    while (slots[slot] !== undefined) slot = (slot + 1) & mask;
    slots[slot] = call;
  }

  #resize(length: number): void {
    const calls = this.toArray();
    this.#slots = emptySlots(Math.max(length, LEAST_SLOTS));
    for (const call of calls) this.#put(call);
  }
}

/** The first slot to probe for a number. Takes high bits of the product, which depend on all bits of the number. */
function slotOf(id: number, mask: number): number {
  return (Math.imul(id, MULTIPLIER) >>> 8) & mask;
}

function emptySlots<Call>(count: number): (Call | undefined)[] {
  return new Array<Call | undefined>(count).fill(undefined);
}
