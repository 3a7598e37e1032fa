import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownChild, type OwnedChild } from '../process/child-process.js';
import type { EchoServerSettings } from '../servers/echo-server-message.js';
import { freePort } from '../servers/listening-server.js';
import { until } from '../clock/until.js';
import { PROGRAM_PATH } from './missing-programs.js';
import { NGINX_FILES, nginxConfig } from './nginx-config.js';

/** The number of attempts to find a free port: another process may take a port before nginx listens on it. */
const PORT_ATTEMPTS = 5;

/** An nginx that listens. */
export interface NginxFront extends OwnedChild {
  readonly port: number;
}

interface FrontSettings extends EchoServerSettings {
  readonly originPort: number;
  readonly folder: string;
  readonly directives: string;
}

/** Starts nginx on the given port, or on a free one. @throws Error with the error output of nginx. */
export async function startNginxFront(settings: FrontSettings): Promise<NginxFront> {
  const { host, port, tls, folder, originPort, maxConcurrentStreams, directives } = settings;
  if (tls !== undefined) {
    await writeFile(join(folder, NGINX_FILES.key), tls.key, { mode: 0o600 });
    await writeFile(join(folder, NGINX_FILES.cert), tls.cert);
  }
  for (let attempt = 1; ; attempt += 1) {
    // nginx does not support port 0.
    const chosen = port === 0 ? await freePort() : port;
    const config = nginxConfig({
      host,
      port: chosen,
      origin: `127.0.0.1:${originPort}`,
      folder,
      maxConcurrentStreams,
      isTls: tls !== undefined,
      directives,
    });
    const started = await run(config, folder);
    if (typeof started !== 'string') return { ...started, port: chosen };
    if (port !== 0 || attempt === PORT_ATTEMPTS || !started.includes('in use')) throw new Error(started);
  }
}

/** Starts nginx once. Resolves to its error output when it does not start. */
async function run(config: string, folder: string): Promise<OwnedChild | string> {
  const path = join(folder, 'nginx.conf');
  const pidFile = join(folder, NGINX_FILES.pid);
  // A killed nginx leaves these files behind.
  for (const left of [pidFile, join(folder, NGINX_FILES.status)]) await rm(left, { force: true });
  await writeFile(path, config);
  // setpriv: nginx does not detect the exit of its parent process.
  const child = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'nginx', '-p', folder, '-e', join(folder, NGINX_FILES.log), '-c', path],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, PATH: PROGRAM_PATH } },
  );
  const owned = ownChild(child);
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (words: string) => (complaint += words));
  let isGone = false;
  child.once('close', () => (isGone = true));
  // nginx writes the file after it has started to listen.
  await until('nginx', () => isGone || existsSync(pidFile));
  return isGone ? complaint || 'nginx gave no reason' : owned;
}
