/* Draws the plots of the demo's page. Written for a browser and inlined as it is; `uPlot` is inlined above it. */
/* global document, window, matchMedia, getComputedStyle, ResizeObserver, uPlot */
'use strict';

const plots = JSON.parse(document.getElementById('plots').textContent);
const names = { plain: 'plain grpc-js', pooled: 'grpc-manifold' };
const drawn = [];

/** Colours come from the page's style, so that light and dark are decided in one place. */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function draw(plot, place) {
  // Each contestant was sampled at moments of its own: one common x axis, gaps bridged.
  const data = uPlot.join(
    ['plain', 'pooled'].map((who) => [plot.curves[who].map(([x]) => x), plot.curves[who].map(([, y]) => y)]),
  );
  const font = '12px system-ui, sans-serif';
  const axis = (of) => ({
    label: `${of.label} (${of.unit})`,
    labelFont: font,
    labelSize: 20,
    labelGap: 2,
    font,
    stroke: colour('quiet'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { stroke: colour('line'), width: 1 },
  });
  const value = (of) => (_, number) =>
    number == null ? '–' : `${number.toLocaleString('en-US', { maximumFractionDigits: 1 })} ${of.unit}`;
  const curve = (who) => ({
    label: names[who],
    stroke: colour(who),
    width: 2.5,
    // Told apart without colour too.
    dash: who === 'plain' ? [7, 4] : undefined,
    spanGaps: true,
    points: { show: false },
    value: value(plot.y),
  });
  return new uPlot(
    {
      width: place.clientWidth,
      height: 300,
      padding: [plot.marks === undefined ? 12 : 44, 12, 0, 0],
      scales: { x: { time: false }, y: { range: (_, low, high) => yRange(low, high) } },
      axes: [
        { ...axis(plot.x), size: 32 },
        { ...axis(plot.y), size: 58 },
      ],
      series: [{ label: plot.x.unit === 's' ? 'at' : 'share', value: value(plot.x) }, curve('plain'), curve('pooled')],
      legend: { markers: { width: 0, fill: (_, series) => colour(series === 1 ? 'plain' : 'pooled') } },
      hooks: { draw: [(chart) => drawMarks(chart, plot.marks ?? [], font)] },
    },
    data,
    place,
  );
}

/** From zero, with room above; below zero only as far as the numbers go. */
function yRange(low, high) {
  const room = (high - Math.min(0, low)) * 0.06;
  return [low < 0 ? low - room : 0, high + room || 1];
}

function drawMarks(chart, marks, font) {
  const { ctx, bbox } = chart;
  const ratio = window.devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour('quiet');
  ctx.font = font.replace('12', String(12 * ratio));
  ctx.setLineDash([2 * ratio, 3 * ratio]);
  ctx.lineWidth = ratio;
  marks.forEach(({ x, label }, index) => {
    const left = chart.valToPos(x, 'x', true);
    // Two lines of labels: neighbours never cover each other.
    const top = bbox.top - (index % 2 === 0 ? 24 : 8) * ratio;
    ctx.beginPath();
    ctx.moveTo(left, top + 4 * ratio);
    ctx.lineTo(left, bbox.top + bbox.height);
    ctx.stroke();
    ctx.textAlign = left > bbox.left + bbox.width * 0.8 ? 'right' : 'center';
    ctx.fillText(label, left, top);
  });
  ctx.restore();
}

function drawAll() {
  for (const chart of drawn.splice(0)) chart.destroy();
  plots.forEach((plot, index) => drawn.push(draw(plot, document.getElementById(`plot-${index}`))));
}

drawAll();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawAll);
new ResizeObserver(() => {
  for (const chart of drawn) {
    const { clientWidth } = chart.root.parentElement;
    if (clientWidth !== chart.width) chart.setSize({ width: clientWidth, height: 300 });
  }
}).observe(document.querySelector('main'));
