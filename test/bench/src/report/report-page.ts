import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { ResultFile } from '../result-file.js';
import type { Metric, Plot } from '../scenario.js';
import { cellNotes, formatQuartiles, formatValue } from '../table.js';
import { drawPlots, style } from './page-assets.js';

/** Builds one HTML page of all results: tables, goals and plots. It loads nothing: the plotting library is in it. */
export function reportPage(results: readonly ResultFile[]): string {
  const resolve = createRequire(import.meta.url).resolve;
  const asset = (name: string): string => readFileSync(resolve(`uplot/dist/${name}`), 'utf8');
  const plots = results.map((result) => [
    ...result.plots,
    ...result.metrics.flatMap((metric) => plotByRound(result, metric)),
  ]);
  const data = JSON.stringify(plots).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>grpc-manifold: measurements</title>
<style>${asset('uPlot.min.css')}${style}</style>
<h1>grpc-manifold: measurements</h1>
<nav>${results.map(({ scenario }) => `<a href="#${scenario}">${scenario}</a>`).join(' · ')}</nav>
${results.map((result, index) => section(result, index)).join('\n')}
<script>${asset('uPlot.iife.min.js')}</script>
<script>const plots = ${data};
${drawPlots}</script>
</html>
`;
}

function section(result: ResultFile, index: number): string {
  const { machine, rounds } = result;
  const versions = Object.entries(machine.packages).map(([name, version]) => `${name} ${version}`);
  return `<section id="${result.scenario}">
<h2>${escape(result.scenario)}</h2>
<p>${escape(result.work)}</p>
<p class="small">${result.startedAt}, ${result.seconds.toFixed(0)} s; Node ${machine.node}, ${machine.cores} × ${escape(machine.cpu)},
${machine.memoryGb} GB, load ${machine.load.toFixed(1)} at the start; ${escape(versions.join(', '))}; medians [quartiles] of ${rounds.measured} rounds${rounds.measured > 1 ? ', variants interleaved' : ''}
${result.quick ? '<strong>A quick run: not a measurement.</strong>' : ''}</p>
<div class="wide">${table(result)}</div>
<ul>${result.goals.map(({ text, measured, reached }) => `<li class="${reached === undefined ? 'open' : reached ? 'reached' : 'missed'}">${escape(text)}: ${escape(measured)}</li>`).join('')}</ul>
${list([...result.cells.flatMap(cellNotes), ...result.facts])}
<div class="plots" data-plots="${index}"></div>
</section>`;
}

function list(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `<ul>${lines.map((line) => `<li>${escape(line)}</li>`).join('')}</ul>`;
}

function table({ cells, metrics, baseline }: ResultFile): string {
  const withCases = cells.some(({ caseName }) => caseName !== '');
  const shown = metrics.filter(({ key }) => cells.some(({ summary }) => summary[key] !== undefined));
  const heads = shown.flatMap((metric) => [metric.title, ...(metric.ratio === true ? [`× ${baseline}`] : [])]);
  const rows = cells.map((cell) => {
    const values = shown.flatMap((metric) => [
      formatValue(cell, metric),
      ...(metric.ratio === true ? [formatQuartiles(cell.ratios[metric.key], 2)] : []),
    ]);
    const names = [...(withCases ? [cell.caseName] : []), cell.variant];
    return `<tr>${names.map((name) => `<th>${escape(name)}</th>`).join('')}${values.map((value) => `<td>${value}</td>`).join('')}</tr>`;
  });
  const head = [...(withCases ? ['case'] : []), 'variant', ...heads].map((name) => `<th>${escape(name)}</th>`).join('');
  return `<table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

/** How a metric went from round to round: what moves all lines alike is the machine. */
function plotByRound(result: ResultFile, { key, title }: Metric): Plot[] {
  if (result.rounds.measured < 2 || result.cells.some(({ caseName }) => caseName !== '')) return [];
  const lines = result.cells.map(({ variant, measurements }) => ({
    label: variant,
    points: measurements.flatMap(({ sample }, round) => {
      const value = sample[key];
      return value === undefined ? [] : [[round + 1, value] as const];
    }),
  }));
  if (lines.every(({ points }) => points.every(([, y]) => y === 0))) return [];
  return [{ title, x: { title: 'round' }, y: { title }, lines }];
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
