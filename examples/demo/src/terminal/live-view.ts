import logUpdate from 'log-update';
import { CONTESTANTS, type Board } from '../act.js';
import { count } from '../format.js';
import { isInteractive, NAMES, paint } from './paint.js';
import { sparkline } from './sparkline.js';

/** Shows how far the demo is. */
export interface LiveView {
  show(board: Board): void;
  /** Leaves what is on view where it is; what is printed next goes below. */
  finish(): void;
}

/** A view that fits what the demo writes to: lines that change in a terminal, now and then a new one elsewhere. */
export function createLiveView(): LiveView {
  return isInteractive ? new ChangingView() : new PlainView();
}

const LABEL_WIDTH = 18;
const COLUMN_WIDTH = 28;
const SPARKLINE_WIDTH = 24;

class ChangingView implements LiveView {
  show(board: Board): void {
    logUpdate(drawBoard(board));
  }

  finish(): void {
    logUpdate.done();
  }
}

/** Draws both contestants beside each other. */
function drawBoard({ act, active, elapsedSeconds, totalSeconds, rows, trend }: Board): string {
  const heading = CONTESTANTS.map((who) => {
    const text = NAMES[who].padEnd(COLUMN_WIDTH);
    return who === active ? paint(['bold', 'underline'], NAMES[who]) + text.slice(NAMES[who].length) : text;
  }).join('');
  const highest = Math.max(...trend.plain, ...trend.pooled, 1e-9);
  const sparks = CONTESTANTS.map((who) => {
    const line = sparkline(trend[who], highest, SPARKLINE_WIDTH);
    return paint(who === 'plain' ? 'yellow' : 'cyan', line) + ' '.repeat(COLUMN_WIDTH - line.length);
  }).join('');
  return [
    `${paint('bold', `Act ${act.name} · ${act.title}`)}   ${paint('dim', progress(elapsedSeconds, totalSeconds))}`,
    paint('dim', act.setting),
    '',
    ' '.repeat(LABEL_WIDTH) + heading,
    ...rows.map(
      ({ label, ...values }) =>
        label.padEnd(LABEL_WIDTH) + CONTESTANTS.map((who) => (values[who] ?? '·').padEnd(COLUMN_WIDTH)).join(''),
    ),
    trend.label.padEnd(LABEL_WIDTH) + sparks,
    '',
  ].join('\n');
}

function progress(elapsedSeconds: number, totalSeconds: number): string {
  return `${count(Math.max(0, elapsedSeconds))} of ${count(totalSeconds)} s`;
}

/** Milliseconds between two lines of a log that nobody may be watching. */
const LINE_EVERY_MS = 3_000;

class PlainView implements LiveView {
  #shown = '';
  #shownAtMs = -Infinity;

  show({ act, active, elapsedSeconds, totalSeconds, rows }: Board): void {
    const scene = `${act.name} ${active}`;
    const isNew = scene !== this.#shown;
    if (!isNew && performance.now() - this.#shownAtMs < LINE_EVERY_MS) return;
    if (act.name !== this.#shown.split(' ')[0]) console.log(`\nAct ${act.name} · ${act.title}\n${act.setting}`);
    this.#shown = scene;
    this.#shownAtMs = performance.now();
    const values = rows.filter((row) => row[active] !== undefined).map((row) => `${row.label} ${row[active]}`);
    const now = values.length === 0 ? 'starting' : `${progress(elapsedSeconds, totalSeconds)}  ${values.join(' · ')}`;
    console.log(`  [${act.name}] ${NAMES[active]}: ${now}`);
  }

  finish(): void {}
}
