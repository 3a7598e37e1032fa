import { setImmediate as turn } from 'node:timers/promises';
import { timePasses } from '@grpc-manifold/testing';
import { ClientSockets } from './client-sockets.js';
import { must } from './must.js';
import type { Run } from './run.js';

/** Rounds in which rest comes, or never does: each lets all that is on its way between pool and peer arrive. */
const MOST_ROUNDS = 5_000;
/** Turns of the event loop in which what is waited for comes, or never does. */
const MOST_TURNS = 500_000;
/**
 * Connections live in other threads, whose turns and sockets are not to be seen from here: rest is then that nothing
 * has changed for longer than the 20 ms after which a thread looks at them again.
 */
const IN_THREADS = process.env['MANIFOLD_THREADS'] !== undefined;
const THREAD_ROUND_MS = 10;
/** Rounds in which nothing may have changed before we call it rest. */
const QUIET_ROUNDS = IN_THREADS ? 5 : 2;
/** What is put off to a later turn of the event loop, and what that puts off in its turn. */
const TURNS = 4;

/** Knows when nothing is under way between the pool and the peer. */
export class Rest implements Disposable {
  readonly #sockets = new ClientSockets();

  constructor(private readonly run: Run) {}

  /** Resolves when nothing changes any more. Rejects when that does not come to be. */
  async come(): Promise<void> {
    const { peer, clock } = this.run;
    for (let before = '', quiet = 0, rounds = 0; quiet < QUIET_ROUNDS; rounds += 1) {
      await Promise.all(peer.open.map((connection) => connection.roundTrip()));
      await this.turns();
      // What is due at once.
      clock.advance(0);
      const now = this.trace;
      quiet = this.#isBetweenConnections || now !== before ? 0 : quiet + 1;
      before = now;
      must(rounds < MOST_ROUNDS, 'it does not come to rest', now, this.#sockets.open, peer.open.length);
    }
  }

  /** Resolves when it holds, looked at in every turn of the event loop. Rejects when that does not come to be. */
  async until(holds: () => boolean): Promise<void> {
    for (let turns = 0; !holds(); turns += 1) {
      await turn();
      must(turns < MOST_TURNS, 'it does not come to it', this.trace);
    }
  }

  /** Lets go by what is put off. */
  async turns(): Promise<void> {
    if (IN_THREADS) await timePasses(THREAD_ROUND_MS, 'messages between threads cross');
    for (let left = TURNS; left > 0; left -= 1) await turn();
  }

  /** Everything that changes while something is under way, in words. */
  get trace(): string {
    const { pool, peer, calls } = this.run;
    const { channels, inFlightCalls, queuedCalls, startedCalls } = pool.stats();
    const members = channels.map(({ id, state, inFlightCalls: own, endingStreams, maxConcurrentStreams }) =>
      [id, state, own, endingStreams, maxConcurrentStreams].join(' '),
    );
    const told = calls.reduce((sum, { statuses }) => sum + statuses.length, 0);
    const sums = [
      inFlightCalls,
      queuedCalls,
      startedCalls,
      told,
      peer.frames,
      peer.connections.length,
      peer.open.length,
    ];
    return `${members.join(', ')}; ${sums.join(' ')}`;
  }

  [Symbol.dispose](): void {
    this.#sockets[Symbol.dispose]();
  }

  /** A connection is being made, or lost, and has not come to its end on both sides. */
  get #isBetweenConnections(): boolean {
    const { pool, peer, clock, isEnding } = this.run;
    const { channels, queuedCalls } = pool.stats();
    const connecting = channels.filter(({ state }) => state === 'connecting').length;
    const { open, admitted } = peer;
    // A session that was left is not read: that its peer is gone is found out when its grace is over, and time stands
    // still.
    const graces = clock.refdTimers - (isEnding ? 0 : Math.min(queuedCalls, 1));
    const surplus = IN_THREADS ? 0 : this.#sockets.open - open.length;
    return surplus < 0 || surplus > graces || connecting > open.length - admitted.length;
  }
}
