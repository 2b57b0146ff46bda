// What a column looks like, for people who check that a table was read as they meant it. Nothing is decided by it.

export type ColumnKind = 'number' | 'date' | 'category' | 'text' | 'file' | 'empty';

const number = /^\s*[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?\s*$/i;
const date = /^\s*\d{4}-\d\d(-\d\d([T ]\d\d:\d\d.*)?)?\s*$/;

/** So many different values are categories in any table; beyond that, it goes by how often they come again. */
const fewValues = 20;
const rowsOfValue = 20;

/** By its values; those that are empty do not count. */
export function columnKind(values: readonly string[]): ColumnKind {
  const told = values.filter((value) => value !== '');
  if (told.length === 0) return 'empty';
  if (told.every((value) => number.test(value))) return 'number';
  if (told.every((value) => date.test(value))) return 'date';
  return new Set(told).size <= Math.max(fewValues, told.length / rowsOfValue) ? 'category' : 'text';
}
