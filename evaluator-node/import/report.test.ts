import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { columnKind } from './column-kinds.ts';
import { checkFolder } from './import-task.ts';
import { reportOf, reportText } from './report.ts';

const rows = Array.from({ length: 120 }, (_, row) => row + 1);

/** What is told of a folder with these features, each a function of the row. */
async function told(features: Readonly<Record<string, (row: number) => string>>, media = ''): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-report-'));
  const line = (row: number): string => [row, ...Object.values(features).map((value) => value(row))].join(',');
  const label = (row: number): number => (Math.imul(row, 0x9e3779b1) >>> 5) % 97;
  const header = ['id', ...Object.keys(features)].join(',');
  await mkdir(join(directory, 'pictures'));
  for (const row of media === '' ? [] : [...rows, 900])
    await writeFile(join(directory, 'pictures', `p${row}.png`), `picture ${label(row * 7)}`.padEnd(40));
  const files = {
    'task.yaml': `name: one\nmetric: rmse\ntarget: y\n${media}\n`,
    'train.csv': `${header},y\n${rows.map((row) => `${line(row)},${label(row)}\n`).join('')}`,
    'test.csv': `${header}\n${line(900)}\n`,
    'sample_submission.csv': 'id,y\n900,0\n',
    'description.md': '# One\n',
  };
  for (const [file, content] of Object.entries(files)) await writeFile(join(directory, file), content);
  return reportText(reportOf(await checkFolder(directory)));
}

test('the features are listed with what they look like, and a linter that found nothing is told of', async () => {
  const text = await told({
    area: (row) => (row % 7 === 0 ? '' : String((row * 37) % 101)),
    when: (row) => `2026-04-${String(1 + ((row * 11) % 28)).padStart(2, '0')}`,
    phase: (row) => `v${(row * 7) % 13}`,
    remarks: (row) => `some words ${(row * 53) % 119}`,
  });
  expect(text).toContain(', 4 features\nFeatures    area (number), when (date), phase (category), remarks (text)\n');
  expect(text).toContain('\nLeaks       the linter found nothing\n');
});

test('of many features the first are listed and the rest counted; what the linter found is counted and warned of', async () => {
  const many = Array.from(
    { length: 25 },
    (_, at) => [`c${at}`, (row: number) => String((row * (37 + at)) % 101)] as const,
  );
  const text = await told({ ...Object.fromEntries(many), same: () => 'x' });
  expect(text).toMatch(/Features {4}c0 \(number\), .*, c19 \(number\) and 6 more\n/);
  expect(text).toMatch(
    /Leaks {7}findings of the linter among the warnings: [1-9]\d*\n[\s\S]*Warning {5}column "same" is constant/,
  );
});

test('columns that name files are told as such', async () => {
  const media = 'media: { column: path, train: pictures }';
  expect(await told({ path: (row) => `p${row}.png` }, media)).toContain('Features    path (file)\n');
});

test('empty fields do not make a column of numbers a text, and one that is all empty says so', () => {
  expect(columnKind(['1', '', '-2.5e3'])).toBe('number');
  expect(columnKind(['1', 'x'])).toBe('category');
  expect(columnKind(['', ''])).toBe('empty');
  expect(columnKind([])).toBe('empty');
});
