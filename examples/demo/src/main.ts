import { constants } from 'node:os';
import { relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ActResult, Stage } from './act.js';
import { ACTS } from './acts/index.js';
import { busyNote } from './busy.js';
import { Family } from './family.js';
import { runLoad } from './load-runner.js';
import { writePage } from './page/page.js';
import { startServer } from './servers.js';
import { createLiveView } from './terminal/live-view.js';
import { claimList, resultsTable } from './terminal/results-table.js';

interface Options {
  readonly act?: string;
  readonly out?: string;
  readonly seconds?: number;
}

const defaultPage = fileURLToPath(new URL('../results/demo.html', import.meta.url));

const { act, out, seconds } = new Command()
  .name('npm run demo --')
  .description(
    'Shows a plain grpc-js client and a pooled one, side by side, under loads that one connection cannot carry.',
  )
  .addOption(new Option('--act <name>', 'play one act only').choices(ACTS.map(({ name }) => name)))
  .option('--out <file>', `where the page with the plots goes (default: ${relative(process.cwd(), defaultPage)})`)
  .option('--seconds <n>', 'how long each client is measured, 2 to 60 (default: 8 in act a, 12 in act b)', readSeconds)
  .addHelpText('after', `\nActs:\n${ACTS.map(({ name, title }) => `  ${name}  ${title}`).join('\n')}`)
  .parse()
  .opts<Options>();

const family = new Family();
const view = createLiveView();
let interrupted = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (interrupted) return;
    interrupted = true;
    view.finish();
    void family.end().finally(() => process.exit(128 + constants.signals[signal]));
  });
}

const stage: Stage = {
  seconds,
  startServer: (options) => startServer(family, options),
  runLoad: (load, server, plan, onSample) => Promise.race([runLoad(family, load, plan, onSample), server.died]),
  show: (board) => view.show(board),
};

try {
  const results: ActResult[] = [];
  for (const one of ACTS.filter(({ name }) => act === undefined || act === name)) {
    results.push(await one.play(stage));
    view.finish();
  }
  // npm runs this in the workspace's folder; a path is meant from where the user stands.
  const page = out === undefined ? defaultPage : resolve(process.env['INIT_CWD'] ?? process.cwd(), out);
  await writePage(page, results);
  console.log(`\n${resultsTable(results)}\n\nClaims\n${claimList(results)}\n`);
  console.log(`Plots: ${page}\n       ${pathToFileURL(page).href}`);
  const note = busyNote(results);
  if (note !== undefined) console.error(`\n${note}`);
  if (results.some(({ claims }) => claims.some(({ holds }) => !holds))) {
    console.error('\nA claim of the demo does not hold.');
    process.exitCode = 1;
  }
} catch (error) {
  view.finish();
  // Ctrl-C ends the children, and with them whatever waited for one: that is no failure.
  if (!interrupted) console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await family.end();
}

function readSeconds(text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 2 || value > 60) throw new InvalidArgumentError('Give a number from 2 to 60.');
  return value;
}
