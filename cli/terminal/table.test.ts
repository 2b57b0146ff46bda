import { expect, test } from 'vitest';
import { noStyle } from './style.ts';
import { type Column, renderTable } from './table.ts';

interface Row {
  readonly name: string;
  readonly words: string;
}

const columns: readonly Column<Row>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'WORDS', value: ({ words }) => words, width: 60 },
];
const rows = [{ name: 'a', words: 'word '.repeat(40).trim() }];

test('no row is longer than the window of a terminal, and what is no terminal gets everything', () => {
  const draw = (isTerminal: boolean) =>
    renderTable(rows, columns, { style: noStyle, columns: 40, isTerminal }).split('\n');
  const shown = draw(true);
  expect(Math.max(...shown.map(({ length }) => length))).toBe(40);
  expect(shown.at(-1)).toMatch(/^a +word .*…$/);
  expect(draw(false).at(-1)).toContain(rows[0]?.words);
});
