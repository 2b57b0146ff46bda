// The tasks of the simulation: a few rows of made-up numbers, some of the search split, some of the validation split, and some official
// test rows whose numbers nobody knows. They are the same in every process, so that a seed gives the same scores everywhere.

import type { NewVersion } from '../../evaluator-node/vault/vault.ts';
import { sha256 } from '../../shared/store/digest.ts';

const rows = 24;
const officialRows = 4;

export const rowIds: readonly string[] = Array.from({ length: rows }, (_, row) => `r${row}`);
/** What a last execution predicts. */
export const officialIds: readonly string[] = rowIds.slice(-officialRows);

/** Scores that an attempt may ask for; each tries to get one more. */
export const scoreQueries = 2;

const isOfficial = (row: number): boolean => row >= rows - officialRows;
const truth = Float64Array.from({ length: rows }, (_, row) => (isOfficial(row) ? Number.NaN : (row * 0.37) % 1));
const bundle = Buffer.from('nobody reads it');

/** Whose winners stay as they are, and whose are refitted. */
export const simTasks = { plain: simTask('sim', false), refitted: simTask('sim-refitted', true) } as const;

function simTask(name: string, refit: boolean): NewVersion {
  return {
    version: `${name}-v1`,
    contentDigest: sha256(`${name} of the simulation`),
    secret: Buffer.alloc(32, 1),
    bundle,
    bundleDigest: sha256(bundle),
    description: {
      name,
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
      refit,
      source: '',
      licence: '',
      description: 'Which number?',
      trainRows: rows,
      testRows: rows,
    },
    hidden: {
      ids: rowIds,
      splits: Uint8Array.from(rowIds, (_, row) => (isOfficial(row) ? 2 : row % 2)),
      truth,
      official: officialIds.map((id) => ({ id: `official-${id}`, row: rowIds.indexOf(id) })),
      baseline: { name: 'mean', row: Float64Array.of(0.5) },
    },
  };
}
