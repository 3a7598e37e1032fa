/** The node of one item in a {@link LinkedList}. An item in several lists has one node for each list. */
export class ListNode<T> {
  item: T | undefined;
  previous: ListNode<T> | undefined;
  next: ListNode<T> | undefined;
}

/**
 * A doubly linked list whose nodes belong to the items. Appending an item and removing it from any position are O(1)
 * and allocate nothing.
 *
 * Collections of short-lived calls use this list and never a `Map` or `Set`. V8 replaces the hash table of a `Map` as
 * entries are added and removed, and each old table points to its replacement. A table that has moved to the old
 * generation keeps all later tables and their entries alive, so no scavenge frees a call until the next mark-compact
 * (docs/decisions/0017). A removed node has no references.
 */
export class LinkedList<T> {
  first: ListNode<T> | undefined;
  last: ListNode<T> | undefined;
  size = 0;

  /** Appends an item. Its node must not be in a list. */
  push(node: ListNode<T>, item: T): void {
    node.item = item;
    node.previous = this.last;
    if (this.last === undefined) this.first = node;
    else this.last.next = node;
    this.last = node;
    this.size += 1;
  }

  /**
   * Removes an item. Its node must be in this list or in none.
   *
   * @returns false when the node is in no list.
   */
  remove(node: ListNode<T>): boolean {
    if (node.item === undefined) return false;
    if (node.previous === undefined) this.first = node.next;
    else node.previous.next = node.next;
    if (node.next === undefined) this.last = node.previous;
    else node.next.previous = node.previous;
    node.item = node.previous = node.next = undefined;
    this.size -= 1;
    return true;
  }

  /** A copy of the items, first to last. */
  toArray(): T[] {
    const items: T[] = [];
    for (let node = this.first; node !== undefined; node = node.next) items.push(node.item as T);
    return items;
  }
}
