// Files for the scoring benchmark: answers and a submission whose rows stand in another order, seeded.

import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { nextFloat, nextInt, nextUint32, type Rng, seedRng } from '../shared/core/rng.ts';

export interface ScoringFiles {
  readonly answers: string;
  readonly submission: string;
}

/** What the values of a metric look like. */
export type ValueKind = 'binary' | 'number' | 'label';

const labels = 10;

/** Writes both files; values have all the digits that a double has, as programs print them. */
export function writeScoringFiles(directory: string, kind: ValueKind, rows: number): ScoringFiles {
  const rng = seedRng(`scoring:${kind}:${rows}`);
  const ids = distinctIds(rng, rows);
  const truth = Float64Array.from({ length: rows }, () => trueValue(rng, kind));
  const answers = join(directory, `${kind}-${rows}-answers.csv`);
  const submission = join(directory, `${kind}-${rows}-submission.csv`);
  writeCsv(answers, rows, (row) => `${ids[row]},${truth[row]}`);
  const order = shuffled(rng, rows);
  writeCsv(submission, rows, (at) => {
    const row = order[at] ?? 0;
    return `${ids[row]},${predictedValue(rng, kind, truth[row] ?? 0)}`;
  });
  return { answers, submission };
}

/** Ids as the import makes them: r and 12 hex digits. */
function distinctIds(rng: Rng, rows: number): string[] {
  const ids = new Set<string>();
  while (ids.size < rows) {
    const high = (nextUint32(rng) & 0xffff).toString(16).padStart(4, '0');
    ids.add(`r${high}${nextUint32(rng).toString(16).padStart(8, '0')}`);
  }
  return [...ids];
}

function trueValue(rng: Rng, kind: ValueKind): number {
  if (kind === 'number') return Math.exp(6 + 2 * nextFloat(rng));
  return nextInt(rng, kind === 'binary' ? 2 : labels);
}

function predictedValue(rng: Rng, kind: ValueKind, truth: number): number {
  if (kind === 'number') return truth * (0.8 + 0.4 * nextFloat(rng));
  if (kind === 'label') return nextFloat(rng) < 0.8 ? truth : nextInt(rng, labels);
  return Math.min(1, 0.7 * nextFloat(rng) + 0.3 * truth * nextFloat(rng));
}

function shuffled(rng: Rng, rows: number): Uint32Array {
  const order = Uint32Array.from({ length: rows }, (_, row) => row);
  for (let at = rows - 1; at > 0; at -= 1) {
    const other = nextInt(rng, at + 1);
    const held = order[at] ?? 0;
    order[at] = order[other] ?? 0;
    order[other] = held;
  }
  return order;
}

/** Lines that are joined before each write. */
const linesPerWrite = 10_000;

function writeCsv(path: string, rows: number, line: (row: number) => string): void {
  const file = openSync(path, 'w');
  try {
    writeSync(file, 'id,y\n');
    for (let start = 0; start < rows; start += linesPerWrite) {
      const count = Math.min(linesPerWrite, rows - start);
      writeSync(file, `${Array.from({ length: count }, (_, index) => line(start + index)).join('\n')}\n`);
    }
  } finally {
    closeSync(file);
  }
}
