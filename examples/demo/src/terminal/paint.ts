import { styleText } from 'node:util';
import type { Contestant } from '../act.js';

/** How the demo calls the contestants. */
export const NAMES: Readonly<Record<Contestant, string>> = { plain: 'plain grpc-js', pooled: 'grpc-manifold' };

/** True when somebody sits in front of it who can see lines change. */
export const isInteractive = process.stdout.isTTY === true && process.env['TERM'] !== 'dumb';

/** Colours a text where colours are seen and wanted. */
export function paint(format: Parameters<typeof styleText>[0], text: string): string {
  const wanted = isInteractive && (process.env['NO_COLOR'] ?? '') === '';
  return wanted ? styleText(format, text) : text;
}
