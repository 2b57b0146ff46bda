// What files tell of a label without being opened: the linter says so, and names and times do not reach agents.

import { mkdir, mkdtemp, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkFolder } from './import-task.ts';

const rows = Array.from({ length: 100 }, (_, row) => ({ row, size: (row * 37) % 101, label: (row * 29) % 2 }));

/** A task with a file for each row; each part of a file is as the label says, or as a hash of the row says. */
async function warningsWhere(told: { name?: boolean; size?: boolean; time?: boolean }): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-media-'));
  await mkdir(join(directory, 'pictures'));
  const mixed = (row: number): number => Math.imul(row + 1, 0x9e3779b1) >>> 31;
  const lines = [];
  for (const { row, size, label } of rows) {
    const by = (is = false): number => (is ? label : mixed(row));
    const path = `${by(told.name)}${(row * 7919) % 1000}.bin`;
    await writeFile(join(directory, 'pictures', path), `${row}`.padEnd(1000 + 10 * by(told.size)));
    const seconds = 1_700_000_000 + by(told.time);
    await utimes(join(directory, 'pictures', path), seconds, seconds);
    lines.push(`${row},${size},${path}${row < 90 ? `,${label}` : ''}\n`);
  }
  await writeFile(join(directory, 'train.csv'), `id,size,path,label\n${lines.slice(0, 90).join('')}`);
  await writeFile(join(directory, 'test.csv'), `id,size,path\n${lines.slice(90).join('')}`);
  const sample = rows.slice(90).map(({ row }) => `${row},0.5\n`);
  await writeFile(join(directory, 'sample_submission.csv'), `id,label\n${sample.join('')}`);
  const media = 'media: { column: path, train: pictures }';
  await writeFile(join(directory, 'task.yaml'), `name: pictures\nmetric: roc-auc\ntarget: label\n${media}\n`);
  const { warnings } = await checkFolder(directory);
  return warnings.flatMap((warning) => /^the (\w+) of the files predict the target/.exec(warning)?.[1] ?? []);
}

test('sizes, names and times of files that predict the target are warned about, each by itself, and chance is not', async () => {
  expect(await warningsWhere({})).toEqual([]);
  expect(await warningsWhere({ size: true })).toEqual(['sizes']);
  expect(await warningsWhere({ name: true })).toEqual(['names']);
  expect(await warningsWhere({ time: true })).toEqual(['times']);
});

/** Findings about twins where so many hidden or official rows have the picture of a labelled one, under another name. */
async function twinsWhere(shared: { official?: number; labelled?: boolean; disagreeing?: boolean }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-twins-'));
  await mkdir(join(directory, 'pictures'));
  const lines: string[] = [];
  for (const { row, size, label } of rows) {
    // Of labelled rows, each picture is there twice; of official ones, it is that of the first rows.
    const twin = shared.labelled === true && row < 90 ? row - (row % 2) : row;
    const picture = row >= 90 && row < 90 + (shared.official ?? 0) ? row - 90 : twin;
    const told = shared.labelled === true && shared.disagreeing !== true ? Math.floor(row / 2) % 2 : label;
    await writeFile(join(directory, 'pictures', `${row}.bin`), `${'picture '.repeat(100)}${picture}`.padEnd(2000));
    lines.push(`${row},${size},${row}.bin${row < 90 ? `,${shared.disagreeing === true ? row % 2 : told}` : ''}\n`);
  }
  await writeFile(join(directory, 'train.csv'), `id,size,path,label\n${lines.slice(0, 90).join('')}`);
  await writeFile(join(directory, 'test.csv'), `id,size,path\n${lines.slice(90).join('')}`);
  const sample = rows.slice(90).map(({ row }) => `${row},0.5\n`);
  await writeFile(join(directory, 'sample_submission.csv'), `id,label\n${sample.join('')}`);
  const media = 'media: { column: path, train: pictures }';
  await writeFile(join(directory, 'task.yaml'), `name: pictures\nmetric: roc-auc\ntarget: label\n${media}\n`);
  const told = await checkFolder(directory).then(
    ({ warnings }) => warnings.filter((each) => each.includes('same bytes')).join(),
    (error: Error) => error.message,
  );
  return told;
}

test('pictures of hidden or official rows that lie among the labelled ones under other names are found by their bytes', async () => {
  expect(await twinsWhere({})).toBe('');
  expect(await twinsWhere({ official: 4 })).toContain(
    '4 of 10 official test rows have a file of the same bytes among the labelled rows',
  );
  expect(await twinsWhere({ labelled: true })).toMatch(/hidden rows have a file of the same bytes with the same label/);
  // Pictures that occur under either label tell nothing.
  expect(await twinsWhere({ labelled: true, disagreeing: true })).toBe('');
});
