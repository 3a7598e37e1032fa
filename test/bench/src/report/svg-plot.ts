import { scaleLinear } from 'd3-scale';
import type { Plot } from '../scenario.js';
import { COLOURS, GRID, paper, text, WIDTH } from './svg-paper.js';

const HEIGHT = 300;
const MARGIN = { top: 34, right: 130, bottom: 40, left: 56 };

/** Draws a plot as an SVG that is small, stands alone and reads on any background. */
export function svgPlot({ title, x, y, lines }: Plot): string {
  const points = lines.flatMap((line) => line.points);
  const across = scaleLinear()
    .domain([0, Math.ceil(Math.max(...points.map(([at]) => at)))])
    .range([MARGIN.left, WIDTH - MARGIN.right]);
  const up = scaleLinear()
    .domain([0, Math.max(1, ...points.map(([, value]) => value)) * 1.05])
    .nice(6)
    .range([HEIGHT - MARGIN.bottom, MARGIN.top]);
  const [left, right] = across.range() as [number, number];
  const [bottom, top] = up.range() as [number, number];
  const grid = up.ticks(6).flatMap((value) => {
    const at = up(value).toFixed(1);
    return [
      `<path d="M${left} ${at}H${right}" stroke="${GRID}"/>`,
      text(left - 8, Number(at) + 4, value.toLocaleString('en-US'), 'end'),
    ];
  });
  const ticks = across.ticks(8).map((value) => text(across(value), bottom + 18, String(value), 'middle'));
  const drawn = lines.flatMap((line, index) => {
    const colour = COLOURS[index % COLOURS.length] as string;
    const path = line.points.map(([at, value]) => `${across(at).toFixed(1)} ${up(value).toFixed(1)}`).join('L');
    const row = top + 10 + index * 20;
    return [
      `<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2" stroke-linejoin="round"/>`,
      `<path d="M${right + 12} ${row - 4}h16" stroke="${colour}" stroke-width="3"/>`,
      text(right + 34, row, line.label),
    ];
  });
  return paper(HEIGHT, [
    text(left, 20, `${title}: ${y.title}`),
    ...grid,
    ...ticks,
    text((left + right) / 2, HEIGHT - 6, x.title, 'middle'),
    ...drawn,
  ]);
}
