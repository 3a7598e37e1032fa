import type { Cell, Goal } from './scenario.js';

/** Makes a goal of one cell, on the median of one of its metrics. */
export type CellGoal = (text: string, key: string, unit: string, reached: (value: number) => boolean) => Goal;

/** @param of what the cell is of, before the text of each goal. @param cell undefined where it was left out. */
export function cellGoal(of: string, cell: Cell | undefined): CellGoal {
  return (text, key, unit, reached) => {
    const value = cell?.summary[key]?.median;
    return {
      text: `${of}: ${text}`,
      measured: value === undefined ? (cell === undefined ? 'not measured' : 'never') : `${value.toFixed(2)} ${unit}`,
      reached: cell && value !== undefined && reached(value),
    };
  };
}
