/** The place of one thing in a {@link LinkedList}; a thing that stands in several has one for each. */
export class ListNode<T> {
  item: T | undefined;
  previous: ListNode<T> | undefined;
  next: ListNode<T> | undefined;
}

/**
 * Things one behind another, each in a place of its own: entering at the end and leaving from anywhere are O(1) and
 * allocate nothing.
 *
 * What leads to calls that come and go is kept in one of these and never in a `Map` or `Set`. V8 replaces the hash
 * table of those as entries come and go, and each table points to the one that replaced it. Once one has grown old, as
 * all that lives through a mark-compact has, it keeps its successors and whatever they held alive: no scavenge frees a
 * call until the next mark-compact (docs/decisions/0017). A place that was left points nowhere.
 */
export class LinkedList<T> {
  first: ListNode<T> | undefined;
  last: ListNode<T> | undefined;
  size = 0;

  /** Puts a thing at the end. Its place must be free. */
  push(place: ListNode<T>, item: T): void {
    place.item = item;
    place.previous = this.last;
    if (this.last === undefined) this.first = place;
    else this.last.next = place;
    this.last = place;
    this.size += 1;
  }

  /** Takes out what stands at a place, which must be in this line or free. @returns false when it is free. */
  remove(place: ListNode<T>): boolean {
    if (place.item === undefined) return false;
    if (place.previous === undefined) this.first = place.next;
    else place.previous.next = place.next;
    if (place.next === undefined) this.last = place.previous;
    else place.next.previous = place.previous;
    place.item = place.previous = place.next = undefined;
    this.size -= 1;
    return true;
  }

  /** The things as they are now, first to last. */
  toArray(): T[] {
    const items: T[] = [];
    for (let place = this.first; place !== undefined; place = place.next) items.push(place.item as T);
    return items;
  }
}
