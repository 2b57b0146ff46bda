// Texts of predictions as a column of the vault's database: one a line after an empty first line, or as JSON, which is how all
// were kept once and which takes up to six times the texts.

/** Texts for the column; none has a line break where they are those of a submission. */
export function columnOfTexts(texts: readonly string[]): string {
  const plain = texts.length > 0 && texts.every((text) => !text.includes('\n'));
  return plain ? `\n${texts.join('\n')}` : JSON.stringify(texts);
}

/** The texts of a column, in either form. */
export function textsOfColumn(column: string): string[] {
  return column.startsWith('\n') ? column.slice(1).split('\n') : (JSON.parse(column) as string[]);
}
