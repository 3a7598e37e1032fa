import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError } from 'commander';
import { renderResult } from './render-result.js';
import { runSoak } from './run-soak.js';

interface Flags {
  readonly minutes: number;
  readonly seed: number;
  readonly rate: number;
  readonly report?: string;
}

async function soak({ minutes, seed, rate, report }: Flags): Promise<void> {
  const stop = new AbortController();
  const onSignal = (): void => {
    process.stderr.write('\nstopping; the figures come when the last calls have ended\n');
    stop.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
  process.stderr.write(`${minutes} minutes with seed ${seed}\n`);
  const result = await runSoak({
    seed,
    durationMs: minutes * 60_000,
    callsPerSecond: rate,
    signal: stop.signal,
    onProgress: (words) => process.stderr.write(`${words}\n`),
  });
  const words = renderResult(result);
  console.log(words);
  if (report !== undefined) await writeFile(report, `${words}\n`);
  process.exitCode = result.violations.length > 0 ? 1 : 0;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('It must be a whole number from 0.');
  return value;
}

await new Command('soak')
  .description(
    'Runs calls of every kind through one pooled client while faults come at random, and checks what must always hold.',
  )
  .option('--minutes <minutes>', 'how long', positive, 10)
  .option('--seed <number>', 'the same one draws the same calls and faults', whole, Math.floor(Math.random() * 1e9))
  .option('--rate <calls>', 'calls a second', positive, 150)
  .option('--report <file>', 'write the figures to a file as well')
  .action(soak)
  .parseAsync();
