import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const run = (...args: string[]) => promisify(execFile)(process.execPath, [main, ...args]);

describe('the example of streams', () => {
  it('follows each story once across a broken line, and leaves nothing open', async () => {
    const { stdout, stderr } = await run('follow');
    expect(stderr).toBe('');
    expect(stdout.match(/leaks: story \d/g)).toEqual([1, 2, 3, 4, 5, 6].map((number) => `leaks: story ${number}`));
    expect(stdout).toContain('the line broke; again from story 5');
    expect(stdout).toContain('Streams that are still open: 0');
  });

  it('uploads everything', async () => {
    const { stdout } = await run('submit');
    expect(stdout).toContain('the server has 6553600 bytes');
  });

  it('ends both sides of a chat', async () => {
    const { stdout } = await run('chat');
    expect(stdout).toMatch(/chat: (Ada|Bob): /);
    expect(stdout).toContain('Streams that are still open: 0');
  });

  it('ends an upload that is interrupted, and itself', async () => {
    const child = spawn(process.execPath, [main, 'submit']);
    const ended = once(child, 'exit');
    let isInterrupted = false;
    child.stderr.on('data', (text) => {
      if (isInterrupted || !/[1-9]\d* of 6400 KiB/.test(String(text))) return;
      isInterrupted = true;
      child.kill('SIGINT');
    });
    expect(await ended).toEqual([130, null]);
  });

  it('names what it can show when asked for something else', async () => {
    await expect(run('sing')).rejects.toThrow(/Allowed choices are follow, submit, chat/);
  });
});
