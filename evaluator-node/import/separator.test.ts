import { expect, test } from 'vitest';
import { describeProblem } from './problem.ts';
import { readTable } from './table.ts';

async function told(file: string, text: string): Promise<string> {
  const table = await readTable(file, Buffer.from(text));
  return table.ok ? table.value.columns.join('|') : table.error.map(describeProblem).join('\n');
}

test('a table that is separated by semicolons is said to be, quoted or not, with what mends it', async () => {
  const semicolons =
    /^train\.csv, line 1: it is separated by semicolons, and a \.csv table is by commas\. Save it with commas/;
  expect(await told('train.csv', 'listing id;Living Area;price\n1;12,5;3\n')).toMatch(semicolons);
  expect(await told('train.csv', '\uFEFF"listing id";"Area, m2";"price"\r\n1;"a";3\r\n')).toMatch(semicolons);
  expect(await told('train.csv', '\n\nid;price\n1;3\n')).toContain(
    "`pandas.read_csv('train.csv', sep=';').to_csv('train.csv', index=False)`",
  );
});

test('tabs in a .csv and commas in a .tsv ask for the other ending', async () => {
  expect(await told('data/train.csv', 'id\tprice\n1\t3\n')).toContain(
    'by tabs, and a .csv table is by commas. Rename it to data/train.tsv',
  );
  expect(await told('train.tsv', 'id,price\n1,3\n')).toContain('Rename it to train.csv');
  expect(await told('train.tsv', 'id;price\n1;3\n')).toContain("to_csv('train.tsv', sep='\\t', index=False)");
});

test('a table of one column, and names with semicolons, are read as they are', async () => {
  expect(await told('test.csv', 'id\n1\n2\n')).toBe('id');
  expect(await told('train.csv', 'id,"a;b",c;d\n1,2,3\n')).toBe('id|a;b|c;d');
  expect(await told('test.csv', '"a;b"\n1\n')).toBe('a;b');
});
