// A task for tests whose hidden labels can be found wherever they leak: each is a number of 17 random significant digits
// that occurs nowhere else. Which rows end up hidden is decided by the import, so the tokens of hidden rows are told
// after it, by elimination: what the public bundle does not show was hidden.

import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nextFloat, nextInt, type Rng, seedRng } from '../../shared/core/rng.ts';

export interface CanaryTask {
  /** Name of the task, as in its task.yaml. */
  readonly name: string;
  readonly directory: string;
  /** Every label as text; those of rows that became training rows are public by design. */
  readonly allTokens: readonly string[];
  /** The labels that a bundle's train.csv does not show: of search, validation and official test rows. */
  hiddenTokens(publicTrainCsv: string): string[];
}

const [labelledRows, officialRows] = [300, 40];

/** Writes a regression task into the directory; equal seeds give equal files. */
export async function makeCanaryTask(directory: string, seed: string | number): Promise<CanaryTask> {
  const rng = seedRng(`canary:${seed}`);
  const name = `canary-${createHash('sha256').update(String(seed)).digest('hex').slice(0, 8)}`;
  const rows = Array.from({ length: labelledRows + officialRows }, (_, index) => canaryRow(rng, index + 1));
  const labelled = rows.slice(0, labelledRows);
  const official = rows.slice(labelledRows);
  await mkdir(join(directory, 'private'), { recursive: true });
  const write = (file: string, lines: readonly string[]): Promise<void> =>
    writeFile(join(directory, file), `${lines.join('\n')}\n`);
  await write('task.yaml', [
    `name: ${name}`,
    'title: Canary numbers',
    'metric: rmse',
    'target: token',
    'test_answers: private/test_labels.csv',
    'split: { strategy: random, seed: 7 }',
    'source: made by a test',
    'licence: CC0',
  ]);
  await write('train.csv', ['id,a,b,c,token', ...labelled.map((row) => `${row.id},${row.features},${row.token}`)]);
  await write('test.csv', ['id,a,b,c', ...official.map((row) => `${row.id},${row.features}`)]);
  await write('sample_submission.csv', ['id,token', ...official.map((row) => `${row.id},0`)]);
  await write('private/test_labels.csv', ['id,token', ...official.map((row) => `${row.id},${row.token}`)]);
  await write('description.md', ['# Canary numbers', '', 'Predict `token` from `a`, `b` and `c`.']);
  const allTokens = rows.map((row) => row.token);
  return {
    name,
    directory,
    allTokens,
    hiddenTokens: (publicTrainCsv) => allTokens.filter((token) => !publicTrainCsv.includes(token)),
  };
}

/** Features carry a weak signal, so that models have something to find and never come near the digits. */
function canaryRow(rng: Rng, id: number): { id: number; features: string; token: string } {
  const features = [nextFloat(rng), nextFloat(rng), nextFloat(rng)];
  const digits = Array.from({ length: 16 }, () => nextInt(rng, 10)).join('');
  const leading = 1 + Math.floor((features[0] ?? 0) * 6 + nextFloat(rng) * 3);
  // The last digit is never 0, so that no program that reads and writes the number shortens it.
  return {
    id,
    features: features.map((value) => value.toFixed(4)).join(','),
    token: `${leading}.${digits.slice(0, -1)}${1 + nextInt(rng, 9)}`,
  };
}
