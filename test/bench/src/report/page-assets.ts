/** The look of the page, light or dark as the reader's system is. */
export const style = `
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #ffffff; --line: #d7dbe0; --soft: #656d76 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --paper: #15181c; --line: #343a42; --soft: #9aa4af } }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
a { color: inherit } .small { color: var(--soft); font-size: 13px } .wide { overflow-x: auto }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .7rem; text-align: right; white-space: nowrap }
thead th { white-space: normal; vertical-align: bottom } tbody th { text-align: left; font-weight: 500 }
li.reached::marker { content: '✓ '; color: #1a7f37 } li.missed::marker { content: '✗ '; color: #cf222e } li.open::marker { content: '· ' }
.plots { display: flex; flex-wrap: wrap; gap: 1.5rem } .u-title { font-size: 14px; font-weight: 600 } .u-legend { font-size: 12px }
`;

/** Runs in the page: draws `plots` (for each section its plots) with uPlot. */
export const drawPlots = `
const colours = { raw: '#d1495b', 'grpc-gcp': '#e39b2d', 'grpc-manifold': '#1b7fbd', AdmissionQueue: '#1b7fbd', http2: '#7a8794' };
const others = ['#d1495b', '#e39b2d', '#3f9b5f', '#8a5fbf', '#7a8794'];
const ink = getComputedStyle(document.documentElement).getPropertyValue('--ink');
const grid = getComputedStyle(document.documentElement).getPropertyValue('--line');
const short = (value) => value >= 1e6 ? value / 1e6 + 'M' : value >= 1e3 ? value / 1e3 + 'k' : String(+value.toPrecision(6));
const axis = (spec) => ({ label: spec.title, stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 },
  ...(spec.title === 'round' ? { incrs: [1, 2, 5, 10, 20, 50] } : {}),
  values: (_plot, values) => values.map((value) => value === null ? '' : short(value)) });
const scale = (spec, isX) => spec.log ? { time: false, distr: 3, log: 10 }
  : isX ? { time: false } : { range: (_plot, min, max) => [Math.min(0, min ?? 0), Math.max(0, max ?? 1) * 1.08 || 1] };
for (const place of document.querySelectorAll('[data-plots]')) {
  for (const plot of plots[place.dataset.plots]) {
    const xs = [...new Set(plot.lines.flatMap((line) => line.points.map(([x]) => x)))].sort((a, b) => a - b);
    const data = [xs, ...plot.lines.map((line) => {
      const at = new Map(line.points);
      return xs.map((x) => at.get(x));
    })];
    const series = plot.lines.map((line, index) => ({ label: line.label, stroke: colours[line.label] ?? others[index % others.length],
      width: 2, spanGaps: true, points: { show: xs.length <= 30, size: 6 },
      value: (_plot, value) => value == null ? '' : value.toFixed(value < 10 ? 2 : 0) }));
    new uPlot({ title: plot.title, width: Math.min(560, innerWidth - 40), height: 300, series: [{ label: plot.x.title }, ...series],
      scales: { x: scale(plot.x, true), y: scale(plot.y, false) }, axes: [axis(plot.x), { ...axis(plot.y), size: 60 }] }, data, place);
  }
}
`;
