// HTML and SVG text that is safe by construction: whatever is put into a template is escaped, unless it is markup itself.

/** Text that was made by `html`, so it needs no escaping. */
export interface Markup {
  readonly markup: string;
}

type Part = Markup | string | number | readonly Markup[] | null | undefined;

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Safe between tags and inside quoted attributes. Characters that XML forbids are left out. */
export function escapeText(text: string): string {
  return text
    .replace(/[&<>"'`]/g, (character) => entities[character] ?? '')
    .replace(/\p{Cc}/gu, (character) => (character === '\n' || character === '\t' ? character : ''))
    .replace(/[\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g, '');
}

function render(part: Part): string {
  if (part === null || part === undefined) return '';
  if (typeof part === 'string') return escapeText(part);
  if (typeof part === 'number') return String(Number.isInteger(part) ? part : Number(part.toFixed(2)));
  if ('markup' in part) return part.markup;
  return part.map((item) => item.markup).join('');
}

/** The only way to make markup. Attributes must be quoted in the template. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  let markup = strings[0] ?? '';
  parts.forEach((part, index) => {
    markup += render(part) + (strings[index + 1] ?? '');
  });
  return { markup };
}

/** Nothing. */
export const nothing: Markup = { markup: '' };

/** The markup where the condition holds. */
export function when(condition: boolean, make: () => Markup): Markup {
  return condition ? make() : nothing;
}
