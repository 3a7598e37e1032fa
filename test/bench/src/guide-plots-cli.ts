import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { barPictures, guideBars, guidePlot, guidePlots } from './report/guide-plots.js';
import { svgBars } from './report/svg-bars.js';
import { svgPlot } from './report/svg-plot.js';
import { readResults, type ResultFile } from './result-file.js';

/** Draws the pictures of the guides anew, of those scenarios that have a result. */
const GUIDES = new URL('../../../docs/guides/', import.meta.url);

const results = readResults();
for (const guide of guidePlots) {
  const result = resultOf(guide.scenario, guide.file);
  if (result !== undefined) write(guide.file, svgPlot(guidePlot(guide, result)), result);
}
for (const guide of guideBars) {
  const result = resultOf(guide.scenario, guide.folder);
  if (result === undefined) continue;
  for (const { file, bars } of barPictures(guide, result)) write(file, svgBars(bars), result);
}

function resultOf(scenario: string, picture: string): ResultFile | undefined {
  const result = results.find((each) => each.scenario === scenario);
  if (result === undefined) console.log(`skipped ${picture}: npm run bench -- ${scenario}`);
  return result;
}

function write(name: string, svg: string, { quick }: ResultFile): void {
  const file = new URL(name, GUIDES);
  mkdirSync(new URL('./', file), { recursive: true });
  writeFileSync(file, svg);
  console.log(`written to ${fileURLToPath(file)}${quick ? ' from a QUICK run' : ''}`);
}
