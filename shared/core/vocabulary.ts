// The words that every daemon uses for operators and failures, as plain string unions.

/** How a candidate comes about. */
export type Operator = 'draft' | 'mutate' | 'crossover' | 'repair' | 'refit';

/** How the search makes candidates; a refit is no part of it. */
export type SearchOperator = Exclude<Operator, 'refit'>;

/** The operators of the search, in the order of the protocol's enum; `refit` comes after it. */
export const operators: readonly SearchOperator[] = ['draft', 'mutate', 'crossover', 'repair'];

/** Why an attempt produced no valid candidate; see doubleblind.common.v1.FailureReason for the meaning of each. */
export type FailureReason =
  | 'crash'
  | 'timeout'
  | 'outOfMemory'
  | 'diskFull'
  | 'noSubmission'
  | 'badSubmission'
  | 'gaveUp'
  | 'modelUnavailable'
  | 'infrastructure'
  | 'cancelled'
  | 'leaseLost';

/** Every failure reason, in the order of the protocol's enum. */
export const failureReasons: readonly FailureReason[] = [
  'crash',
  'timeout',
  'outOfMemory',
  'diskFull',
  'noSubmission',
  'badSubmission',
  'gaveUp',
  'modelUnavailable',
  'infrastructure',
  'cancelled',
  'leaseLost',
];

/** What an attempt used; all counts are totals over the attempt. */
export interface Usage {
  readonly wallSeconds: number;
  readonly peakMemoryBytes: number;
  readonly cpuSeconds: number;
  readonly slotSeconds: number;
  readonly turns: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly dollars: number;
}

/** Usage of an attempt that has used nothing. */
export const noUsage: Usage = {
  wallSeconds: 0,
  peakMemoryBytes: 0,
  cpuSeconds: 0,
  slotSeconds: 0,
  turns: 0,
  inputTokens: 0,
  outputTokens: 0,
  dollars: 0,
};
