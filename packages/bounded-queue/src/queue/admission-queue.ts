import type { CallInfo } from '@grpc-manifold/core';
import { LinkedList, ListNode, OnceWarnings, type Clock } from '@grpc-manifold/core/internal';
import { Classifier } from './classifier.js';
import { ExpiryTimer } from './expiry-timer.js';
import type { ResolvedQueueOptions } from './options.js';
import { Partition, type PartitionFacts } from './partition.js';
import { Partitions } from './partitions.js';
import { QueueBudget } from './queue-budget.js';
import { linksOf, priorityOf, sinceMs, type Queued } from './queued.js';
import type { QueueRefusal } from './refusal.js';
import { aheadIn, lastOf, nextOf } from './serving-order.js';
import { WaitingPartitions } from './waiting-partitions.js';

/**
 * A queue bounded by calls, bytes and time, served in order of arrival, newest first, or by priority, and shared out
 * between partitions. Linked lists: entering, leaving, cancelling in the middle and expiring are O(1), synchronous, and
 * allocate one object for a thing's first wait (docs/decisions/0001); by priority they cost a binary search, between
 * partitions a look at each that waits.
 *
 * While anything waits one timer is ref'd, so that the process stays until what waits has its answer; otherwise none
 * holds it.
 */
export class AdmissionQueue<T extends Queued> {
  /** Everyone who came, oldest first: all wait equally long at the most. */
  readonly #ages = new LinkedList<Queued>();
  /** Those that were put back. They are served before all others, in this order, and stand in no other line. */
  readonly #putBacks = new LinkedList<Queued>();
  /** Where all stand as long as nobody tells partitions apart: in one line, which is that of their ages. */
  readonly #whole = new Partition<Queued>('', 1, this.#ages);
  readonly #waiting = new WaitingPartitions();
  #partitions: Partitions<Queued> | undefined;
  readonly #warnings = new OnceWarnings();
  #classifier: Classifier;
  #serial = 0;
  #bytes = 0;
  readonly #expiry: ExpiryTimer;

  /**
   * @param onRefused is called for each thing that waited its longest ('queue-time'), oldest first, and for each that
   * had to make room for another, after it was taken out.
   * @param budget what waits, where several queues share their bounds.
   */
  constructor(
    private options: ResolvedQueueOptions,
    private readonly clock: Clock,
    private readonly onRefused: (item: T, waitedMs: number, refusedBy: QueueRefusal | 'queue-time') => void,
    private readonly budget = new QueueBudget(),
  ) {
    if (options.partition !== undefined) this.#partitions = new Partitions(options.shares);
    this.#classifier = new Classifier(options, this.#warnings);
    this.#expiry = new ExpiryTimer(clock, () => this.#expire());
  }

  /** How many wait. */
  get size(): number {
    return this.#ages.size + this.#putBacks.size;
  }

  /** Bytes that the waiting ones hold. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The bounds in force. */
  get limits(): ResolvedQueueOptions {
    return this.options;
  }

  /** Milliseconds that the oldest has waited, 0 when none waits. */
  get oldestWaitMs(): number {
    const oldest = this.#oldest;
    return oldest === undefined ? 0 : this.waitedMs(oldest);
  }

  /** Milliseconds since a waiting thing entered; 0 for one that does not wait. */
  waitedMs(item: T): number {
    const { queueLinks } = item;
    return queueLinks === undefined || queueLinks.sinceMs < 0 ? 0 : this.clock.elapsed() - queueLinks.sinceMs;
  }

  /**
   * Lets a thing wait, and when the queue is full makes room for it where the rules say so: what has to go is handed to
   * `onRefused`. Returns the rule that forbids it to wait, or undefined when it waits now.
   *
   * @param expectedRoom how many of those who wait have a place that is only being made ready: they do not count.
   */
  add(item: T, bytes: number, expectedRoom = 0): QueueRefusal | undefined {
    return this.#enter(item, bytes, expectedRoom, undefined);
  }

  /**
   * Lets a thing wait again that had been taken out: before all that were not, behind those that were put back before.
   *
   * @param waitedMs how long it had waited; it counts as no longer than that of those that were put back before.
   */
  putBack(item: T, bytes: number, waitedMs: number, expectedRoom = 0): QueueRefusal | undefined {
    return this.#enter(item, bytes, expectedRoom, waitedMs);
  }

  /** Counts more bytes to a waiting thing. Returns the bound that forbids it; the thing then still waits, uncounted. */
  addBytes(item: T, bytes: number): QueueRefusal | undefined {
    if (this.budget.bytes + bytes > this.options.maxQueuedBytes) return 'queue-bytes';
    linksOf(item).bytes += bytes;
    this.#bytes += bytes;
    this.budget.bytes += bytes;
    return undefined;
  }

  /**
   * The one to be served next, without taking it out. It stays that until something enters, leaves or is
   * {@link acquirePermit}.
   */
  peek(): T | undefined {
    if (this.#putBacks.first !== undefined) return this.#putBacks.first.item as T;
    const partition = this.#partitions === undefined ? this.#whole : this.#waiting.leastLoaded;
    return partition === undefined ? undefined : (nextOf(partition, this.options.order) as T | undefined);
  }

  /** Takes out the one to be served next and counts it as {@link acquirePermit}. */
  shift(): T | undefined {
    const item = this.peek();
    if (item === undefined) return undefined;
    this.remove(item);
    this.acquirePermit(item);
    return item;
  }

  /** Takes a thing out, wherever it stands. False when it does not wait. */
  remove(item: T): boolean {
    const links = item.queueLinks;
    if (links === undefined || links.sinceMs < 0) return false;
    if (links.wasPutBack) {
      this.#putBacks.remove(links);
    } else {
      this.#ages.remove(links);
      this.#leaveLines(item);
    }
    if (links.partition !== undefined) this.#partitions?.leave(links.partition);
    this.#bytes -= links.bytes;
    this.budget.bytes -= links.bytes;
    this.budget.calls -= 1;
    links.bytes = 0;
    links.sinceMs = -1;
    links.serial = 0;
    links.wasPutBack = false;
    if (this.size === 0) this.#expiry.release();
    return true;
  }

  /**
   * A thing was admitted, whether it had waited or not: tell so exactly once, and {@link releasePermit} when it is no
   * longer in flight. Where nobody tells partitions apart it costs next to nothing.
   */
  acquirePermit(item: T): void {
    if (this.#partitions === undefined) {
      if (item.queueLinks?.isTaken === true) return;
      // Of one that never waited nothing needs to be known.
      if (item.queueLinks !== undefined) item.queueLinks.isTaken = true;
      this.#whole.turns += 1;
      return;
    }
    const links = linksOf(item);
    if (links.isTaken) return;
    const partition = this.#partitions.enter(this.#standing(item));
    links.partition = partition;
    partition.inFlight += 1;
    partition.turns += 1;
    this.#waiting.note(partition);
    links.isTaken = true;
  }

  /** A thing is no longer in flight: it has ended, or is going to be put back. */
  releasePermit(item: T): void {
    const links = item.queueLinks;
    if (links?.isTaken !== true) return;
    links.isTaken = false;
    if (links.partition === undefined) return;
    const { partition } = links;
    partition.inFlight -= 1;
    if (partition.waitingIndex >= 0) this.#waiting.note(partition);
    this.#partitions?.leave(partition);
  }

  /** How many would be served before a newcomer, as far as can be told. */
  ahead(item: T): number {
    const { order } = this.options;
    this.#classify(item);
    const partition = this.#standing(item);
    const before = aheadIn(partition, order, item.queueLinks?.priority ?? 0);
    let ahead = this.#putBacks.size + before;
    for (const other of this.#waiting.all) {
      // While this one's are served, the others are in proportion to their weights, as far as they have any.
      if (other !== partition) ahead += Math.min(other.arrivals.size, (before * other.weight) / partition.weight);
    }
    return Math.round(ahead);
  }

  /** What a refusal tells of the partition of a thing; undefined where nobody tells partitions apart. */
  partitionOf(item: T): PartitionFacts | undefined {
    if (this.#partitions === undefined) return undefined;
    const partition = this.#standing(item);
    const others = this.#waiting.all.reduce((sum, each) => (each === partition ? sum : sum + each.weight), 0);
    return {
      key: partition.key,
      ratio: partition.weight / (partition.weight + others),
      queuedCalls: partition.arrivals.size,
      inFlightCalls: partition.inFlight,
    };
  }

  /** Every waiting thing, oldest first, as it is now. */
  items(): T[] {
    const items: Queued[] = [];
    let [putBack, came] = [this.#putBacks.first, this.#ages.first];
    while (putBack !== undefined || came !== undefined) {
      if (came === undefined || sinceMs(putBack) <= sinceMs(came)) {
        items.push(putBack?.item as Queued);
        putBack = putBack?.next;
      } else {
        items.push(came.item as Queued);
        came = came.next;
      }
    }
    return items as T[];
  }

  /**
   * Changes the bounds, the order and the shares. What waits beyond a smaller bound stays; nothing more comes in until
   * there is room. With another `partition` what is in flight is counted no more.
   */
  update(options: ResolvedQueueOptions): void {
    const { order, priority, partition, shares } = this.options;
    const isRepartitioned = options.partition !== partition;
    if (isRepartitioned || options.order !== order || options.priority !== priority) {
      this.#reclassify(options, isRepartitioned);
    } else {
      this.options = options;
    }
    if (!isRepartitioned && options.shares !== shares) {
      this.#partitions?.reweigh(options.shares);
      for (const partition of this.#waiting.all) this.#waiting.note(partition);
    }
    if (this.size > 0) this.#watchOldest();
  }

  /** Forgets the timer. What waits must have been taken out before. */
  close(): void {
    this.#expiry.close();
  }

  #enter(item: T, bytes: number, expectedRoom: number, waitedMs: number | undefined): QueueRefusal | undefined {
    this.releasePermit(item);
    this.#classify(item);
    let victim: T | undefined;
    let refusedBy: QueueRefusal = 'queue-full';
    if (this.budget.calls >= this.options.maxQueuedCalls + expectedRoom) {
      const own = this.#standing(item);
      const fuller = this.#waiting.fullerThan(own.fill);
      if (this.#waiting.size > (own.waitingIndex < 0 ? 0 : 1)) refusedBy = 'share';
      victim = fuller === undefined ? this.#weaker(item, own) : (lastOf(fuller, this.options.order) as T);
      if (victim === undefined) return refusedBy;
    }
    const freedBytes = victim?.queueLinks?.bytes ?? 0;
    if (this.budget.bytes + bytes - freedBytes > this.options.maxQueuedBytes) return 'queue-bytes';
    if (victim === undefined) {
      this.#insert(item, bytes, waitedMs);
      return undefined;
    }
    const victimWaitedMs = this.waitedMs(victim);
    this.remove(victim);
    this.#insert(item, bytes, waitedMs);
    // Last: whoever hears of it finds the newcomer in its place, and cannot take that.
    this.onRefused(victim, victimWaitedMs, refusedBy);
    return undefined;
  }

  /** Who of its own partition goes rather than a newcomer. */
  #weaker(item: T, own: Partition<Queued>): T | undefined {
    const { order } = this.options;
    if (order === 'fifo') return undefined;
    const last = lastOf(own, order) as T | undefined;
    return order === 'lifo' || (last !== undefined && priorityOf(last) < priorityOf(item)) ? last : undefined;
  }

  #insert(item: T, bytes: number, waitedMs: number | undefined): void {
    const links = linksOf(item);
    const nowMs = this.clock.elapsed();
    if (this.#partitions !== undefined) links.partition = this.#partitions.enter(this.#standing(item));
    links.serial = this.#serial += 1;
    links.bytes = bytes;
    this.#bytes += bytes;
    this.budget.bytes += bytes;
    this.budget.calls += 1;
    if (waitedMs === undefined) {
      links.sinceMs = nowMs;
      this.#ages.push(links, item);
      this.#enterLines(item);
      // The others are older, and watched already.
      if (this.size === 1) this.#watchOldest();
    } else {
      links.sinceMs = Math.max(nowMs - waitedMs, this.#putBacks.last?.item?.queueLinks?.sinceMs ?? 0);
      links.wasPutBack = true;
      this.#putBacks.push(links, item);
      this.#watchOldest();
    }
  }

  #enterLines(item: T): void {
    const links = linksOf(item);
    const partition = this.#standing(item);
    if (this.options.order === 'priority') {
      links.levelPlace ??= new ListNode();
      links.level = partition.levels.add(links.levelPlace, item, links.priority);
    }
    if (partition === this.#whole) return;
    links.arrival ??= new ListNode();
    partition.arrivals.push(links.arrival, item);
    this.#waiting.note(partition);
  }

  #leaveLines(item: T): void {
    const links = linksOf(item);
    const partition = this.#standing(item);
    if (links.level !== undefined) {
      partition.levels.remove(links.levelPlace as ListNode<Queued>, links.level);
      links.level = undefined;
    }
    if (partition === this.#whole) return;
    partition.arrivals.remove(links.arrival as ListNode<Queued>);
    this.#waiting.note(partition);
  }

  /** Lets all stand anew, by other options. */
  #reclassify(options: ResolvedQueueOptions, isRepartitioned: boolean): void {
    const waiting = this.items();
    for (const item of waiting) if (!linksOf(item).wasPutBack) this.#leaveLines(item);
    this.options = options;
    this.#classifier = new Classifier(options, this.#warnings);
    if (isRepartitioned) this.#partitions = new Partitions(options.shares);
    const before = waiting.map((item) => linksOf(item).partition);
    for (const item of waiting) {
      const links = linksOf(item);
      if (this.#partitions !== undefined) links.partition = this.#partitions.enter(this.#standing(item));
      else this.#classify(item);
      if (!links.wasPutBack) this.#enterLines(item);
    }
    // Only now, so that no key is forgotten in between.
    for (const partition of before) if (partition !== undefined) this.#partitions?.leave(partition);
  }

  /** The partition that a thing stands in, or would. */
  #standing(item: T): Partition<Queued> {
    if (this.#partitions === undefined) return this.#whole;
    this.#classify(item);
    const { partition } = linksOf(item);
    return partition === undefined ? this.#whole : this.#partitions.current(partition);
  }

  /** Asks the functions of the options, once for each thing. */
  #classify(item: T): void {
    const { order, partition } = this.options;
    if (partition === undefined && order !== 'priority') return;
    const links = linksOf(item);
    // What is in flight is counted out where it was counted in.
    if (links.classifiedBy === this.#classifier.id || links.isTaken) return;
    links.classifiedBy = this.#classifier.id;
    const info = item.info as CallInfo;
    if (order === 'priority') links.priority = this.#classifier.priorityOf(info);
    if (this.#partitions !== undefined) links.partition = this.#partitions.of(this.#classifier.keyOf(info));
  }

  get #oldest(): T | undefined {
    const [putBack, came] = [this.#putBacks.first, this.#ages.first];
    return (sinceMs(putBack) <= sinceMs(came) ? putBack : came)?.item as T | undefined;
  }

  /** All wait equally long at the most, so the oldest is the first to expire: one timer serves all. */
  #watchOldest(): void {
    this.#expiry.watch(linksOf(this.#oldest as T).sinceMs + this.options.maxQueueTimeMs);
  }

  #expire(): void {
    try {
      for (let oldest = this.#oldest; oldest !== undefined; oldest = this.#oldest) {
        const waitedMs = this.waitedMs(oldest);
        if (waitedMs < this.options.maxQueueTimeMs) break;
        this.remove(oldest);
        this.onRefused(oldest, waitedMs, 'queue-time');
      }
    } finally {
      if (this.size > 0 && !this.#expiry.isSet) this.#watchOldest();
    }
  }
}
