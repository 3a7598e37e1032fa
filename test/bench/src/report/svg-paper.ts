/** Pixels across, of every picture. */
export const WIDTH = 720;
export const COLOURS = ['#1b7fbd', '#d1495b', '#3f9b5f', '#e39b2d', '#8a5fbf', '#7a8794'];
export const GRID = '#d7dbe0';
export const INK = '#30363d';

/** Puts what was drawn on white paper: small, stands alone and reads on any background. */
export function paper(height: number, drawn: readonly string[]): string {
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" rx="6" fill="#fff"/>`,
    ...drawn,
    '</svg>',
  ].join('\n')}\n`;
}

/** Writes a line of text. */
export function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end' = 'start'): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  const place = `x="${Number(x.toFixed(1))}" y="${Number(y.toFixed(1))}"`;
  return `<text ${place} fill="${INK}"${anchor === 'start' ? '' : ` text-anchor="${anchor}"`}>${escaped}</text>`;
}
