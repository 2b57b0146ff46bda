// The canonical writer: what it writes of equal values is equal to the byte.

/** Rows as CSV: LF, a field quoted only where it must be. */
export function csvText(rows: Iterable<readonly string[]>): string {
  return Array.from(rows, (row) => `${row.map(csvField).join(',')}\n`).join('');
}

/** One field, quoted where it holds a comma, a quote or a line break. */
function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
