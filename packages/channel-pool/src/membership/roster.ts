import type { ChannelState } from '@grpc-manifold/core';
import type { PooledChannel } from '../member/pooled-channel.js';

/**
 * The members of a pool: which there are, which have room, and sums over them. The sums are those of the last
 * {@link refresh} of each member. Summing anew for each call would cost more with each connection.
 */
export class Roster {
  /** Members that are not closed, oldest first. */
  readonly open = new Set<PooledChannel>();
  /** Members that have room. */
  readonly available: PooledChannel[] = [];
  /** Closed members whose sockets are not closed yet. */
  readonly #closing = new Set<PooledChannel>();
  #live = 0;
  #usedStreams = 0;
  #capacity = 0;
  #closedChannels = 0;

  /** Members that are ready or ejected. */
  get live(): number {
    return this.#live;
  }

  /** Streams in use on the members that are ready. */
  get usedStreams(): number {
    return this.#usedStreams;
  }

  /** Streams that the members that are ready may carry. */
  get capacity(): number {
    return this.#capacity;
  }

  /** The same, asked of each member now. */
  get streamCapacity(): number {
    let sum = 0;
    for (const member of this.open) if (member.state === 'ready') sum += member.maxConcurrentStreams;
    return sum;
  }

  /** Members that have closed so far. */
  get closedChannels(): number {
    return this.#closedChannels;
  }

  /** Members that are not closed, and those whose sockets are not. */
  get withSockets(): PooledChannel[] {
    return [...this.open, ...this.#closing];
  }

  add(member: PooledChannel): void {
    this.open.add(member);
  }

  /** A member has closed. Keeps it until its sockets are closed as well. */
  remove(member: PooledChannel): void {
    if (this.open.delete(member)) this.#closedChannels += 1;
    this.#closing.add(member);
    void this.#awaitSockets(member);
  }

  find(id: number): PooledChannel | undefined {
    for (const member of this.open) if (member.id === id) return member;
    return undefined;
  }

  has(state: ChannelState): boolean {
    for (const member of this.open) if (member.state === state) return true;
    return false;
  }

  refreshAll(): void {
    for (const member of this.open) this.refresh(member);
  }

  /** Brings the sums and the list of members with room in step with a member. O(1). */
  refresh(member: PooledChannel): void {
    const { counted, hasRoom } = member;
    const isReady = member.state === 'ready';
    const live = member.isLive ? 1 : 0;
    const usedStreams = isReady ? member.usedStreams : 0;
    const capacity = isReady ? member.maxConcurrentStreams : 0;
    this.#live += live - counted.live;
    this.#usedStreams += usedStreams - counted.usedStreams;
    this.#capacity += capacity - counted.capacity;
    counted.live = live;
    counted.usedStreams = usedStreams;
    counted.capacity = capacity;
    if (hasRoom !== member.availableIndex >= 0) this.#list(member, hasRoom);
  }

  #list(member: PooledChannel, hasRoom: boolean): void {
    if (hasRoom) {
      member.availableIndex = this.available.push(member) - 1;
      return;
    }
    const last = this.available.pop() as PooledChannel;
    if (last !== member) {
      this.available[member.availableIndex] = last;
      last.availableIndex = member.availableIndex;
    }
    member.availableIndex = -1;
  }

  async #awaitSockets(member: PooledChannel): Promise<void> {
    // A member tells of its end while it is about to close. In the next microtask it knows what to wait for.
    await Promise.resolve();
    await member.close('');
    this.#closing.delete(member);
  }
}
