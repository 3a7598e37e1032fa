import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { Program } from './program.js';
import { resultsTable, type Result } from './results-table.js';
import type { ShopReport, ShopSettings } from './shop.js';
import { visit } from './visitor.js';

const THREADS = [0, 1];

const { rate, seconds } = new Command()
  .name('npm start -w @grpc-manifold/example-threads --')
  .description(
    'Shows what a gRPC load does to an HTTP server in the same process, with the connections on its event loop and in a thread.',
  )
  .option('--rate <n>', 'gRPC calls a second, 1 to 20,000', numberFrom(1, 20_000), 3_000)
  .option('--seconds <n>', 'how long each is measured, 1 to 60', numberFrom(1, 60), 5)
  .parse()
  .opts<{ readonly rate: number; readonly seconds: number }>();

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());

try {
  using server = new Program('prices-server', {}, interrupted.signal);
  const target = `127.0.0.1:${await server.hear<number>()}`;
  console.log(
    `An HTTP server, asked 100 times a second, in a process that makes ${rate} gRPC calls a second; ` +
      `${availableParallelism()} cores for that, the gRPC server and whoever asks.`,
  );
  const results: Result[] = [];
  for (const threads of THREADS) {
    console.log(`threads: ${threads}, for ${seconds} s …`);
    results.push(await measure({ target, threads, callsPerSecond: rate, seconds }));
  }
  console.log(`\n${resultsTable(results)}`);
} catch (error) {
  if (!interrupted.signal.aborted) throw error;
  process.exitCode = 130;
}

async function measure(settings: ShopSettings): Promise<Result> {
  using shop = new Program('shop', settings, interrupted.signal);
  const port = await shop.hear<number>();
  const over = new AbortController();
  const [report, visits] = await Promise.all([
    shop.hear<ShopReport>().finally(() => over.abort()),
    visit(port, over.signal),
  ]);
  return { threads: settings.threads, report, visits };
}

function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Give a number from ${least} to ${most}.`);
  };
}
