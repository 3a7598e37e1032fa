import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OwnedChild } from '../process/child-process.js';
import { freePort, LOOPBACK } from '../servers/listening-server.js';
import { askHaproxy, haproxyConnections } from './haproxy-admin.js';
import { HAPROXY_FILES, originLine, type HaproxySettings } from './haproxy-config.js';
import { runHaproxy } from './haproxy-process.js';
import { missingForPeer } from './missing-programs.js';

/** The number of attempts to find a free port: another process may take a port before haproxy listens on it. */
const PORT_ATTEMPTS = 5;
const DAY_MS = 86_400_000;

/** Options of a haproxy. */
export interface HaproxyOptions {
  /**
   * 'http': haproxy speaks HTTP/2 on both sides and selects a server for each call. 'tcp': it forwards TCP and selects
   * a server for each connection. Default 'http'.
   */
  readonly mode?: 'http' | 'tcp';
  /** SETTINGS_MAX_CONCURRENT_STREAMS of its clients' connections, in mode 'http'. Default: haproxy's own, 100. */
  readonly maxConcurrentStreams?: number;
  /** Milliseconds for which a client's connection may be silent before it is dropped. Default: a day. */
  readonly clientTimeoutMs?: number;
}

/** A haproxy in front of given servers. */
export interface HaproxyServer extends AsyncDisposable {
  readonly port: number;
  /** 'host:port', for a client. */
  readonly target: string;
  /** The numbers of open client connections and of client connections accepted since the last start. */
  connections(): Promise<{ readonly open: number; readonly accepted: number }>;
  /** Adds a server while haproxy runs. @throws Error with the message of haproxy. */
  addOrigin(origin: { readonly port: number }): Promise<void>;
  /** Ends haproxy at once (SIGKILL), and with it its connections. */
  kill(): Promise<void>;
  /** Starts haproxy again on the same port. A running process is killed before. */
  restart(): Promise<void>;
  /** Starts a new process on the same port; the old one exits when its connections have ended (`haproxy -sf`). */
  reload(): Promise<void>;
}

/**
 * Starts haproxy in front of servers. Its temporary folder is removed when it is disposed.
 *
 * @throws Error when haproxy is not installed, or with its error output.
 */
export async function startHaproxyServer(
  origins: readonly { readonly port: number }[],
  options: HaproxyOptions = {},
): Promise<HaproxyServer> {
  const missing = missingForPeer('haproxy');
  if (missing !== undefined) throw new Error(missing);
  const { mode = 'http', clientTimeoutMs = DAY_MS, maxConcurrentStreams } = options;
  const folder = await mkdtemp(join(tmpdir(), 'manifold-haproxy-'));
  const originPorts = origins.map(({ port }) => port);
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const settings = { mode, clientTimeoutMs, maxConcurrentStreams, folder, originPorts, port };
    const started = await runHaproxy(settings);
    if (typeof started !== 'string') return new OwnHaproxy(settings, started);
    if (attempt === PORT_ATTEMPTS || !started.includes('in use')) {
      await rm(folder, { recursive: true, force: true });
      throw new Error(started);
    }
  }
}

class OwnHaproxy implements HaproxyServer {
  #settings: HaproxySettings;
  #current: OwnedChild;
  /** All processes, including those that exit when their connections have ended. */
  readonly #all: OwnedChild[] = [];

  constructor(settings: HaproxySettings, started: OwnedChild) {
    this.#settings = settings;
    this.#current = started;
    this.#all.push(started);
  }

  get port(): number {
    return this.#settings.port;
  }

  get target(): string {
    return `${LOOPBACK}:${this.port}`;
  }

  connections(): Promise<{ open: number; accepted: number }> {
    return haproxyConnections(this.#admin);
  }

  async addOrigin({ port }: { readonly port: number }): Promise<void> {
    const { mode, originPorts } = this.#settings;
    const number = originPorts.length + 1;
    const answer = await askHaproxy(this.#admin, `add server origins/${originLine(mode, number, port)}`);
    if (!answer.includes('registered')) throw new Error(`haproxy: ${answer}`);
    const refusal = await askHaproxy(this.#admin, `enable server origins/origin${number}`);
    if (refusal !== '') throw new Error(`haproxy: ${refusal}`);
    this.#settings = { ...this.#settings, originPorts: [...originPorts, port] };
  }

  async kill(): Promise<void> {
    this.#current.kill();
    await this.#current.exited;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.#start();
  }

  reload(): Promise<void> {
    return this.#start(this.#current.child.pid);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const owned of this.#all) owned.kill();
    await Promise.all(this.#all.map(({ exited }) => exited));
    await rm(this.#settings.folder, { recursive: true, force: true });
  }

  get #admin(): string {
    return join(this.#settings.folder, HAPROXY_FILES.admin);
  }

  async #start(predecessor?: number): Promise<void> {
    const started = await runHaproxy(this.#settings, predecessor);
    if (typeof started === 'string') throw new Error(started);
    this.#current = started;
    this.#all.push(started);
  }
}
