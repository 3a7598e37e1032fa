/** The place of one thing in a {@link Line}; a thing that stands in several has one for each. */
export class Place<T> {
  item: T | undefined;
  previous: Place<T> | undefined;
  next: Place<T> | undefined;
}

/**
 * Things one behind another, each in a place of its own: entering at the end and leaving from anywhere are O(1) and
 * allocate nothing.
 */
export class Line<T> {
  first: Place<T> | undefined;
  last: Place<T> | undefined;
  size = 0;

  /** Puts a thing at the end. Its place must be free. */
  push(place: Place<T>, item: T): void {
    place.item = item;
    place.previous = this.last;
    if (this.last === undefined) this.first = place;
    else this.last.next = place;
    this.last = place;
    this.size += 1;
  }

  /** Takes out what stands at a place, which must be in this line. */
  remove(place: Place<T>): void {
    if (place.previous === undefined) this.first = place.next;
    else place.previous.next = place.next;
    if (place.next === undefined) this.last = place.previous;
    else place.next.previous = place.previous;
    place.item = place.previous = place.next = undefined;
    this.size -= 1;
  }
}
