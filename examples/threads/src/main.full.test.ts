import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const run = (...args: string[]) => promisify(execFile)(process.execPath, [main, ...args]);

describe('the example of threads', () => {
  it('measures both ways under the same load, and ends', async () => {
    const { stdout, stderr } = await run('--seconds', '1', '--rate', '200');
    expect(stderr).toBe('');
    expect(stdout).toMatch(/threads: 0 +│ +threads: 1/);
    expect(stdout).toMatch(/calls answered a second +│ +[1-9]\d* +│ +[1-9]\d* /);
    expect(stdout).toMatch(/calls that failed +│ +0 +│ +0 /);
    for (const row of ['event loop late, p99', 'HTTP page after, p99']) {
      expect(stdout).toMatch(new RegExp(`${row} +│ +\\d+\\.\\d ms +│ +\\d+\\.\\d ms`));
    }
  });

  it.each(['threads: 0', 'threads: 1'])('ends when it is interrupted at %s', async (when) => {
    const child = spawn(process.execPath, [main, '--seconds', when === 'threads: 0' ? '60' : '1', '--rate', '200']);
    const ended = once(child, 'exit');
    let told = '';
    child.stderr.on('data', (text) => (told += String(text)));
    child.stdout.on('data', (text) => {
      if (String(text).includes(`${when}, for`)) child.kill('SIGINT');
    });
    expect(await ended).toEqual([130, null]);
    expect(told).toBe('');
  });

  it('says what it takes', async () => {
    expect((await run('--help')).stdout).toMatch(/--rate <n>.*20,000[^]*--seconds <n>/);
    await expect(run('--rate', 'many')).rejects.toThrow(/Give a number from 1 to 20000/);
  });
});
