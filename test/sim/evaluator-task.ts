// The task of the simulation: a few rows of made-up numbers, half of them of the search split. It is the same in every process, so
// that a seed gives the same scores everywhere.

import type { NewVersion } from '../../evaluator-node/vault/vault.ts';
import { sha256 } from '../../shared/store/digest.ts';

const rows = 24;

export const rowIds: readonly string[] = Array.from({ length: rows }, (_, row) => `r${row}`);

/** Scores that an attempt may ask for; each tries to get one more. */
export const scoreQueries = 2;

const truth = Float64Array.from({ length: rows }, (_, row) => (row * 0.37) % 1);
const bundle = Buffer.from('nobody reads it');

export const simTask: NewVersion = {
  version: 'v1',
  contentDigest: sha256('the task of the simulation'),
  secret: Buffer.alloc(32, 1),
  bundle,
  bundleDigest: sha256(bundle),
  description: {
    name: 'sim',
    title: 'Numbers',
    metric: 'rmse',
    lowerIsBetter: true,
    kind: 'number',
    targetColumn: 'value',
    idColumn: 'id',
    predictionColumns: ['value'],
    officialColumns: ['value'],
    classes: [],
    splitStrategy: 'random',
    feedback: 'quantised',
    refit: false,
    source: '',
    licence: '',
    description: 'Which number?',
    trainRows: rows,
    testRows: rows,
  },
  hidden: {
    ids: rowIds,
    splits: Uint8Array.from(rowIds, (_, row) => row % 2),
    truth,
    official: [],
    baseline: { name: 'mean', row: Float64Array.of(0.5) },
  },
};
