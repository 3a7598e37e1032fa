import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { guidePlot, guidePlots } from './report/guide-plots.js';
import { svgPlot } from './report/svg-plot.js';
import { readResults } from './result-file.js';

/** Draws the pictures of the guides anew, of those scenarios that have a result. */
const GUIDES = new URL('../../../docs/guides/', import.meta.url);

const results = readResults();
for (const guide of guidePlots) {
  const result = results.find(({ scenario }) => scenario === guide.scenario);
  if (result === undefined) {
    console.log(`skipped ${guide.file}: npm run bench -- ${guide.scenario}`);
    continue;
  }
  const file = new URL(guide.file, GUIDES);
  mkdirSync(new URL('./', file), { recursive: true });
  writeFileSync(file, svgPlot(guidePlot(guide, result)));
  console.log(`written to ${fileURLToPath(file)}${result.quick ? ' from a QUICK run' : ''}`);
}
