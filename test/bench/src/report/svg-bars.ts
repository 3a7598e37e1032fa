import { scaleLinear } from 'd3-scale';
import type { Quartiles } from '../scenario.js';
import { COLOURS, GRID, INK, paper, text, WIDTH } from './svg-paper.js';

/** One bar: the median, with its quartiles. */
export interface Bar {
  readonly label: string;
  readonly value: Quartiles;
  /** Written behind the value. */
  readonly note?: string;
}

/** Bars that are compared with each other. */
export interface BarGroup {
  /** Empty where there is only one. */
  readonly name: string;
  readonly bars: readonly Bar[];
}

/** A picture of bars; each group has a scale of its own. */
export interface Bars {
  readonly title: string;
  /** Decimals shown. */
  readonly digits: number;
  readonly groups: readonly BarGroup[];
}

const LEFT = 150;
const RIGHT = 190;
const TOP = 34;
const ROW = 26;
const HEADING = 24;
const BOTTOM = 12;

/** Draws bars from left to right, their quartiles as a line over the end. */
export function svgBars({ title, digits, groups }: Bars): string {
  const number = new Intl.NumberFormat('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const drawn = [text(16, 20, title)];
  let y = TOP;
  for (const { name, bars } of groups) {
    if (name !== '') {
      drawn.push(text(16, y + HEADING - 8, name));
      y += HEADING;
    }
    const across = scaleLinear()
      .domain([0, Math.max(...bars.map(({ value }) => value.q3)) || 1])
      .range([LEFT, WIDTH - RIGHT]);
    drawn.push(`<path d="M${LEFT} ${y}V${y + bars.length * ROW}" stroke="${GRID}"/>`);
    for (const [index, { label, value, note }] of bars.entries()) {
      const middle = y + ROW / 2;
      const [q1, median, q3] = [value.q1, value.median, value.q3].map((at) => across(at).toFixed(1));
      drawn.push(
        text(LEFT - 8, middle + 4, label, 'end'),
        `<path d="M${LEFT} ${middle}H${median}" stroke="${COLOURS[index % COLOURS.length]}" stroke-width="16"/>`,
        `<path d="M${q1} ${middle}H${q3}M${q1} ${middle - 4}v8M${q3} ${middle - 4}v8" stroke="${INK}"/>`,
        text(WIDTH - RIGHT + 10, middle + 4, number.format(value.median)),
        ...(note === undefined ? [] : [text(WIDTH - RIGHT + 80, middle + 4, note)]),
      );
      y += ROW;
    }
  }
  return paper(y + BOTTOM, drawn);
}
