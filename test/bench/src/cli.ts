import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError } from 'commander';
import { benchScenario } from './bench-scenario.js';
import { startProgress } from './progress.js';
import { writeResult } from './result-file.js';
import { scenarios } from './scenarios/index.js';
import { renderResult } from './table.js';

interface Flags {
  readonly rounds?: number;
  readonly quick?: boolean;
  readonly variants?: readonly string[];
  readonly list?: boolean;
}

async function bench(names: readonly string[], flags: Flags): Promise<void> {
  if (flags.list === true) {
    for (const { name, work, variants } of scenarios) {
      console.log(`${name}\n  ${work}\n  variants: ${variants.join(' | ')}`);
    }
    return;
  }
  const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name));
  if (unknown.length > 0) program.error(`error: no scenario ${unknown.join(', ')}; try --list`);
  const progress = startProgress();
  for (const scenario of scenarios) {
    if (names.length > 0 && !names.includes(scenario.name)) continue;
    const { quick = false, rounds, variants } = flags;
    const options = {
      quick,
      ...(rounds === undefined ? {} : { rounds }),
      ...(variants === undefined ? {} : { variants }),
    };
    const result = await benchScenario(scenario, options, (step) => progress.step(scenario.name, step));
    const file = writeResult(scenario, result);
    progress.clear();
    console.log(renderResult(result));
    console.log(`${result.seconds.toFixed(0)} s; written to ${fileURLToPath(file)}`);
  }
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return value;
}

const program = new Command('bench')
  .description(
    'Measures grpc-manifold beside grpc-js, grpc-gcp and node:http2, against servers in processes of their own.',
  )
  .argument('[names...]', 'scenarios to run; all when none is named')
  .option('--rounds <count>', 'measured rounds of each scenario that has short ones (default: 15)', positiveInteger)
  .option('--quick', 'short windows and few rounds: shows that everything runs, measures nothing')
  .option('--variants <names>', 'only these variants, separated by commas', (text) => text.split(/\s*,\s*/))
  .option('--list', 'list the scenarios and their variants')
  .action(bench);

// Leaving by `exit` kills every process that was started; results are written only when a scenario is done.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    process.stderr.write('\nstopped\n');
    process.exit(signal === 'SIGINT' ? 130 : 143);
  });
}
await program.parseAsync();
// A client that leaves something open must not hold the bench.
process.exit();
