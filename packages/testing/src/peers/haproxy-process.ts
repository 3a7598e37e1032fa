import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ownChild, type OwnedChild } from '../process/child-process.js';
import { askHaproxy } from './haproxy-admin.js';
import { HAPROXY_FILES, haproxyConfig, type HaproxySettings } from './haproxy-config.js';
import { PROGRAM_PATH } from './missing-programs.js';
import { until } from '../clock/until.js';

/**
 * Starts a haproxy and waits until it listens. Resolves to its error output when it does not.
 *
 * @param predecessor the process id of a haproxy on the same port. As soon as the new process listens, the predecessor
 * stops listening and exits when its connections have ended.
 */
export async function runHaproxy(settings: HaproxySettings, predecessor?: number): Promise<OwnedChild | string> {
  const path = join(settings.folder, HAPROXY_FILES.config);
  await writeFile(path, haproxyConfig(settings));
  // setpriv: haproxy does not detect the exit of its parent process. `-db`: one process, in the foreground.
  const child = spawn(
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', 'haproxy', '-db', '-f', path],
      ...(predecessor === undefined ? [] : ['-sf', String(predecessor)]),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, PATH: PROGRAM_PATH } },
  );
  const owned = ownChild(child);
  let complaint = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (words: string) => (complaint += words));
  }
  let isGone = false;
  child.once('close', () => (isGone = true));
  await until('haproxy', async () => isGone || (await answers(settings, child.pid as number)));
  return isGone ? complaint || 'haproxy gave no reason' : owned;
}

/** True when the process answers on the admin socket. For a while after a reload, the predecessor may still answer. */
async function answers({ folder }: HaproxySettings, pid: number): Promise<boolean> {
  try {
    const info = await askHaproxy(join(folder, HAPROXY_FILES.admin), 'show info');
    return Number(/^Pid: (\d+)$/m.exec(info)?.[1]) === pid;
  } catch {
    return false;
  }
}
