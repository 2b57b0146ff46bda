// How a run searches and when it stops: the options in force, with every default filled in.

import { searchDefaults } from '../../shared/core/search-defaults.ts';
import type { Operator } from '../../shared/core/vocabulary.ts';
import { operators } from '../../shared/core/vocabulary.ts';
import type { Limits } from './task.ts';

/** Options of a run. Budgets and `parallelAttempts` of 0 mean no limit. */
export interface RunOptions {
  readonly candidates: number;
  readonly wallSeconds: number;
  readonly dollars: number;
  readonly tokens: number;
  readonly slotHours: number;
  readonly parallelAttempts: number;
  readonly seed: number;
  /** Empty for the gateway's default. */
  readonly model: string;
  readonly temperature: number;
  readonly crossoverProbability: number;
  readonly draftProbability: number;
  readonly limits: Limits;
  readonly guidance: string;
  readonly finalists: number;
  readonly operators: readonly Operator[];
  readonly repair: boolean;
  /** Lanes are shared between runs in this proportion; absent in the journals of versions that did not have it, then 1. */
  readonly priority?: number | undefined;
  /** Ideas that each attempt sketches before a judge turn picks one; absent in the journals of versions that did not have it. */
  readonly rankBeforeRun?: number | undefined;
  /** Scores that each attempt may ask for during its work; absent in the journals of versions that did not have it. */
  readonly scoreQueries?: number | undefined;
}

/** The budgets that a run may be given more of; 0 means no limit. */
export type Budgets = Pick<RunOptions, 'candidates' | 'wallSeconds' | 'dollars' | 'tokens' | 'slotHours'>;

/** Every option that nobody named. */
export const defaultOptions: Omit<RunOptions, 'limits'> = {
  ...searchDefaults,
  candidates: 0,
  dollars: 0,
  tokens: 0,
  slotHours: 0,
  parallelAttempts: 0,
  seed: 0,
  model: '',
  guidance: '',
  operators,
  repair: true,
};

/**
 * Bounds of the temperature. Below 0.02 the weight of the best of 10⁶ candidates, N^(1/T), would leave the range of a
 * double; above 100 the choice is uniform to within a percent.
 */
export const temperatureBounds = { least: 0.02, most: 100 } as const;
