// A simulated run's end: candidates of known worth, scored on a search split, the best of them sealed by the real selection
// on a validation split. The winner's curse is the luck in a score for which something was chosen.

import { findMetric } from '../../evaluator-node/core/metrics/registry.ts';
import { selectWinner } from '../../evaluator-node/core/selection.ts';
import { nextFloat, nextNormal, type Rng, seedRng } from '../../shared/core/rng.ts';

/** Accuracies of the candidates, and the rows that they are measured on. */
export interface ChoiceSetting {
  readonly candidates: number;
  readonly finalists: number;
  /** Of each split. */
  readonly rows: number;
  readonly meanWorth: number;
  readonly spreadOfWorth: number;
}

export interface ChoiceOutcome {
  /** What is said of the chosen one, less what it is worth, in points. */
  readonly luck: number;
  /** What the best candidate is worth, less what the chosen one is. */
  readonly regret: number;
  readonly standardError: number;
}

/** What is said and chosen: by the seal; by the best search score; by the best validation score, reported as it is. */
export interface Choices {
  readonly seal: ChoiceOutcome;
  readonly argmax: ChoiceOutcome;
  readonly unmended: ChoiceOutcome;
}

/** Labels of 0 and 1 that are right, which is 0, with that probability. */
function predictions(rng: Rng, rows: number, worth: number): Float64Array {
  return Float64Array.from({ length: rows }, () => Number(nextFloat(rng) >= worth));
}

const share = (labels: Float64Array): number => labels.filter((label) => label === 0).length / labels.length;

/** One run. */
export function simulateChoice(seed: string, setting: ChoiceSetting): Choices {
  const { candidates, finalists, rows, meanWorth, spreadOfWorth } = setting;
  const accuracy = findMetric('accuracy');
  if (accuracy === undefined) throw new Error('no metric accuracy');
  const rng = seedRng(seed);
  const worths = Array.from({ length: candidates }, () => meanWorth + spreadOfWorth * nextNormal(rng));
  const best = Math.max(...worths);
  const searched = worths
    .map((worth) => ({ worth, score: share(predictions(rng, rows, worth)) }))
    .sort((left, right) => right.score - left.score);
  const chosen = searched.slice(0, finalists);
  const contenders = chosen.map(({ worth }, index) => {
    return { candidateId: String(index), eligible: true, prediction: predictions(rng, rows, worth) };
  });
  const truth = new Float64Array(rows);
  const selection = selectWinner(accuracy, { count: rows, truth, width: 1, classCount: 2 }, contenders, seed);
  const worth = chosen[Number(selection.winnerId)]?.worth ?? Number.NaN;
  const { validationScore = Number.NaN, validationStandardError = Number.NaN } = selection.ranked[0] ?? {};
  const outcome = (said: number, is: number): ChoiceOutcome => {
    return { luck: 100 * (said - is), regret: 100 * (best - is), standardError: 100 * validationStandardError };
  };
  return {
    seal: outcome(selection.estimate ?? Number.NaN, worth),
    argmax: outcome(searched[0]?.score ?? Number.NaN, searched[0]?.worth ?? Number.NaN),
    unmended: outcome(validationScore, worth),
  };
}
