import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { reportPage } from './report/report-page.js';
import { readResults, RESULTS } from './result-file.js';

const program = new Command('report')
  .description('Writes one self-contained HTML page with the tables and plots of all results.')
  .option('--out <file>', 'where to write it', fileURLToPath(new URL('report.html', RESULTS)))
  .action(({ out }: { out: string }) => {
    writeFileSync(pathToFileURL(out), reportPage(readResults()));
    console.log(`written to ${out}`);
  });
program.parse();
