import type { ChildProcess } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import type { Server, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { OpenWait } from '../clock/open-wait.js';
import { timePasses } from '../clock/real-time.js';

/** The number of checks in consecutive turns of the event loop, before the checks with pauses. */
const QUICK_TURNS = 20;
const PAUSE_MS = 10;

/** What a leak check watches in addition to sockets, servers, child processes and ref'd timers. */
export interface LeakCheckOptions {
  /** Emitters whose listeners are counted by event name. */
  readonly emitters?: Readonly<Record<string, EventEmitter>>;
  /** Fake clocks that must have no pending timer at the end. Real unref'd timers cannot be observed. */
  readonly clocks?: readonly { readonly pendingTimers: number }[];
  /** The number of checks, 10 ms apart, before leftovers are an error. Default: until the time of the test is up. */
  readonly pauses?: number;
}

/** Detects resources that a test leaves open. */
export interface LeakCheck extends Disposable {
  /** Describes the resources that exist now and did not exist when the check was created. */
  leftovers(): readonly string[];
  /**
   * Waits until there are no leftovers. Rejects with the leftovers after the last check, or when the test's time is up.
   */
  expectNothingLeft(): Promise<void>;
}

/**
 * Starts a leak check. Create it before anything is opened: Node reports every TCP socket, server and child process
 * that is created afterwards, including unref'd ones such as the sockets of idle gRPC connections. An HTTP/2 session
 * lives as long as its socket. The check watches until `expectNothingLeft` has settled or the check is disposed.
 *
 * Ref'd timers are only counted. An earlier timer that has ended can hide a leaked one, and a test runner has timers of
 * its own. Use a fake clock to check timers exactly.
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
