/** Text that is HTML already. */
export interface Html {
  readonly text: string;
}

type Part = string | Html | readonly Html[];

/** Puts parts into a template; plain strings are escaped. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return { text: strings.reduce((text, string, index) => text + render(parts[index - 1] ?? '') + string) };
}

/** Takes text of our own as HTML. */
export function raw(text: string): Html {
  return { text };
}

/** Writes a value as JSON that cannot close the script element around it. */
export function json(value: unknown): Html {
  return { text: JSON.stringify(value).replaceAll('<', '\\u003c') };
}

function render(part: Part): string {
  if (typeof part === 'string') return part.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return 'text' in part ? part.text : part.map(({ text }) => text).join('\n');
}
