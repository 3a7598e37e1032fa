import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import type { Server, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { OpenWait } from '../clock/open-wait.js';
import { timePasses } from '../clock/real-time.js';

/** Stragglers get turns of the event loop first, then some with a pause in between. */
const QUICK_TURNS = 20;
const PAUSE_MS = 10;

/** What a leak check is to watch besides sockets, servers, child processes and ref'd timers. */
export interface LeakCheckOptions {
  /** Their listeners are counted, by event name. */
  readonly emitters?: Readonly<Record<string, EventEmitter>>;
  /** Fake clocks: no timer may be pending on them at the end. Real unref'd timers cannot be seen. */
  readonly clocks?: readonly { readonly pendingTimers: number }[];
  /** How many looks, 10 ms apart, stragglers are given. Default: as many as the test has time for. */
  readonly pauses?: number;
}

/** Knows what was there before a test. */
export interface LeakCheck extends Disposable {
  /** What is there now and was not when the check was taken, in words. Empty when nothing is. */
  leftovers(): readonly string[];
  /** Waits until nothing is left. Rejects with what is when no look is left, or when the test's time is up. */
  expectNothingLeft(): Promise<void>;
}

/**
 * Takes note of what is there. Take it before anything is opened: from then on Node tells of every TCP socket, server
 * and child process, unref'd ones (as the sockets of idle gRPC connections are) included. An HTTP/2 session lives
 * exactly as long as its socket. It watches until `expectNothingLeft` has settled, or until it is disposed.
 *
 * Ref'd timers are only counted: one that was there before and has gone since hides one that is left, and a test
 * runner has some of its own. Whoever depends on timers brings a fake clock.
 */
export function leakCheck(options: LeakCheckOptions = {}): LeakCheck {
  const { pauses = Infinity } = options;
  const timersBefore = countTimers();
  const listenersBefore = countListeners(options.emitters);
  const sockets = new Map<Socket, string>();
  const servers = new Set<Server>();
  const children = new Set<ChildProcess>();
  // https://nodejs.org/api/diagnostics_channel.html#built-in-channels
  const subscriptions: readonly [channel: string, listener: (message: unknown) => void][] = [
    ['net.client.socket', (message) => sockets.set((message as { socket: Socket }).socket, 'connecting')],
    ['net.server.socket', (message) => sockets.set((message as { socket: Socket }).socket, 'accepted')],
    ['tracing:net.server.listen:asyncStart', (message) => servers.add((message as { server: Server }).server)],
    ['child_process', (message) => children.add((message as { process: ChildProcess }).process)],
  ];
  for (const [channel, listener] of subscriptions) subscribe(channel, listener);

  function leftovers(): string[] {
    const left: string[] = [];
    for (const [socket, how] of sockets) {
      if (socket.destroyed) sockets.delete(socket);
      else left.push(`a socket (${how}, ${endpointsOf(socket)})`);
    }
    for (const server of servers) {
      if (server.listening) left.push(`a server (${addressOf(server)})`);
    }
    for (const child of children) {
      if (child.exitCode === null && child.signalCode === null) left.push(`a child process (${child.pid})`);
    }
    const timers = countTimers() - timersBefore;
    if (timers > 0) left.push(`ref'd timers: ${timers} more`);
    for (const [name, count] of countListeners(options.emitters)) {
      const more = count - (listenersBefore.get(name) ?? 0);
      if (more > 0) left.push(`listeners on ${name}: ${more} more`);
    }
    for (const clock of options.clocks ?? []) {
      if (clock.pendingTimers > 0) left.push(`timers of a fake clock: ${clock.pendingTimers}`);
    }
    return left;
  }

  function stopWatching(): void {
    for (const [channel, listener] of subscriptions) unsubscribe(channel, listener);
  }

  return {
    leftovers,
    async expectNothingLeft() {
      using wait = new OpenWait('a leak check', () => `left behind: ${leftovers().join('; ')}`);
      try {
        for (let turns = 0; leftovers().length > 0; turns += 1) {
          if (turns >= QUICK_TURNS + pauses) throw new Error(`left behind: ${leftovers().join('; ')}`);
          if (wait.error !== undefined) throw wait.error;
          await (turns < QUICK_TURNS ? turn() : timePasses(PAUSE_MS, 'stragglers close'));
        }
      } finally {
        stopWatching();
      }
    },
    [Symbol.dispose]: stopWatching,
  };
}

function countTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

function countListeners(emitters: Readonly<Record<string, EventEmitter>> = {}): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [name, emitter] of Object.entries(emitters)) {
    for (const event of emitter.eventNames()) counts.set(`${name} '${String(event)}'`, emitter.listenerCount(event));
  }
  return counts;
}

function addressOf(server: Server): string {
  const address = server.address();
  return address !== null && typeof address === 'object' ? `${address.address}:${address.port}` : String(address);
}

function endpointsOf(socket: Socket): string {
  const local = socket.localPort === undefined ? 'no port yet' : `${socket.localAddress}:${socket.localPort}`;
  const remote = socket.remotePort === undefined ? 'nobody yet' : `${socket.remoteAddress}:${socket.remotePort}`;
  return `${local} to ${remote}`;
}
