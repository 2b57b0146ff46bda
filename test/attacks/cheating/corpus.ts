// Labelled programs for the detectors of cheating: what they are made of. For tests only.

import type { Evidence } from '../../../coordinator/core/suspicion/evidence.ts';
import { nextInt, nextNormal, type Rng, seedRng } from '../../../shared/core/rng.ts';

/** A program with all that is known when it has been scored. */
export interface Labelled {
  readonly name: string;
  readonly evidence: Evidence;
}

export const rows = 400;
const rng: Rng = seedRng('cheating');
const hex = (length: number): string => Array.from({ length }, () => nextInt(rng, 16).toString(16)).join('');
/** Opaque ids, as the evaluator's import makes them. */
export const ids: readonly string[] = Array.from({ length: rows }, () => hex(12));
export const classes: readonly string[] = Array.from({ length: rows }, () => String(nextInt(rng, 3)));
export const numbers: readonly string[] = Array.from({ length: rows }, () => (3 + nextNormal(rng)).toFixed(4));

export interface Told {
  readonly metric?: string;
  readonly value?: number;
  readonly log?: string;
  readonly peers?: readonly number[];
  readonly files?: Readonly<Record<string, string>>;
  /** Files that are no text, by size. */
  readonly binaries?: Readonly<Record<string, number>>;
}

export function labelled(name: string, program: string, told: Told = {}): Labelled {
  const { metric = 'accuracy', value = 0.83, peers = [0.71, 0.74, 0.78, 0.8, 0.81, 0.82] } = told;
  const lowerIsBetter = metric === 'rmse' || metric === 'log-loss';
  const files = Object.entries({ 'main.py': program, ...told.files }).map(([path, text]) => ({
    path,
    text,
    bytes: text.length,
  }));
  const binaries = Object.entries(told.binaries ?? {}).map(([path, bytes]) => ({ path, bytes }));
  return {
    name,
    evidence: {
      files: [...files, ...binaries],
      log: told.log ?? `read 1600 rows\ncv ${metric}: ${value}\nwrote ${rows} answers\n`,
      ids,
      predictions: metric === 'rmse' ? numbers : classes,
      metric,
      lowerIsBetter,
      score: { value, standardError: 0.01 },
      peers: { count: peers.length, best: lowerIsBetter ? Math.min(...peers) : Math.max(...peers) },
    },
  };
}
