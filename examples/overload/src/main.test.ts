import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));

describe('the example of an overload', () => {
  it('shows the plain client and the one with the interceptor, second by second, and ends', async () => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [main, '--seconds', '1']);
    expect(stderr).toBe('');
    expect(stdout.match(/second 1 .* answered in time/g)).toHaveLength(2);
    expect(stdout).toMatch(/[1-9]\d* answered in time.*\n\nThe plain client sends/);
  });
});
