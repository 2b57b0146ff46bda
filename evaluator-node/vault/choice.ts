// The choice of a seal: finalists and their ensemble judged by the validation rows. Reads the vault and writes nothing; it
// takes seconds where there are many finalists or rows, and it needs every label, so it runs in the judge's process.

import { type Selection, selectWinner } from '../core/selection.ts';
import type { Score, Verdict } from '../core/verdict.ts';
import { buildEnsemble, type Ensemble } from './ensembles.ts';
import type { Predictions, SealedCandidate } from './runs.ts';
import { baselineScore, type LoadedTask, predictionsFor, splitScore, truthOf } from './scoring.ts';
import type { Vault } from './vault.ts';

/** The verdict before it has its record in the ledger. */
export type Choice = Omit<Verdict, 'ledgerHead'>;

/** A finalist as the vault had it when the choice was made. */
export type Finalist = SealedCandidate & { readonly candidateId: string };

/** What the validation rows say of the finalists, who are given best search score first. */
export function chooseAmong(loaded: LoadedTask, vault: Vault, runId: string, candidates: readonly Finalist[]): Choice {
  const { description, version } = loaded.task;
  const validation = truthOf(loaded, 'validation');
  const contenders = candidates.map(({ candidateId, outcome, predictionDigest }) => ({
    candidateId,
    eligible: outcome.kind === 'score' && outcome.quarantineReason === undefined,
    predictions: storedPredictions(vault, version, predictionDigest),
  }));
  const onValidation = ({ values, texts }: Predictions) => ({
    prediction: predictionsFor(loaded, 'validation', values),
    ...(texts === undefined ? {} : { texts }),
  });
  const ensemble = buildEnsemble(
    loaded,
    contenders.map(({ predictions, ...contender }) => ({ ...contender, predictions: predictions.values })),
  );
  const selection = selectWinner(
    loaded.metric,
    validation,
    contenders.map(({ predictions, ...contender }) => ({ ...contender, ...onValidation(predictions) })),
    `${version}:${runId}`,
    ensemble === undefined ? undefined : predictionsFor(loaded, 'validation', ensemble.predictions),
  );
  const searchScores = new Map(candidates.map(({ candidateId, scores }) => [candidateId, scores.search.value]));
  const predictions = new Map(contenders.map((contender) => [contender.candidateId, contender.predictions]));
  const finalists = selection.ranked.map((ranked) => {
    const predicted = predictions.get(ranked.candidateId);
    const test = predicted === undefined ? undefined : splitScore(loaded, 'test', predicted);
    return {
      ...ranked,
      validationScore: finite(ranked.validationScore),
      searchScore: searchScores.get(ranked.candidateId) ?? 0,
      ...(test === undefined ? {} : { testScore: test.value }),
    };
  });
  const winnerId = selection.winnerId ?? '';
  const searchWinnerId = winnerId === '' ? '' : (contenders.find((contender) => contender.eligible)?.candidateId ?? '');
  return {
    runId,
    winnerId,
    finalists,
    ...(Number.isFinite(selection.estimate) ? { finalScore: selection.estimate } : {}),
    ...ensembleVerdict(loaded, ensemble, selection),
    searchWinnerId,
    searchWinnerValidationScore:
      finalists.find((finalist) => finalist.candidateId === searchWinnerId)?.validationScore ?? null,
    intervalLow: finite(selection.interval?.low),
    intervalHigh: finite(selection.interval?.high),
    baselineName: loaded.hidden.baseline.name,
    baselineSearchScore: finite(baselineScore(loaded, 'search')),
    baselineValidationScore: finite(baselineScore(loaded, 'validation')),
    metric: description.metric,
    lowerIsBetter: description.lowerIsBetter,
    validationRows: validation.count,
    hasFinalSubmission: winnerId !== '' && loaded.hidden.official.length > 0,
  };
}

function ensembleVerdict(
  loaded: LoadedTask,
  ensemble: Ensemble | undefined,
  selection: Selection,
): Pick<Verdict, 'ensemble'> {
  const judged = selection.ensemble;
  if (ensemble === undefined || judged === undefined) return {};
  const { members, rule } = ensemble;
  const predictions = { values: ensemble.predictions };
  const search = splitScore(loaded, 'search', predictions);
  if (search === undefined) return {};
  const test = splitScore(loaded, 'test', predictions);
  const testScore = test === undefined ? {} : { testScore: test.value };
  return { ensemble: { members, rule, searchScore: search.value, ...judged, ...testScore } };
}

/** A number that JSON can hold. */
export function finite(value = Number.NaN): Score {
  return Number.isFinite(value) ? value : null;
}

/** Predictions of a version that the vault keeps, by their digest. */
export function storedPredictions(vault: Vault, version: string, digest: string): Predictions {
  const predictions = vault.runs.predictionOf(version, digest);
  if (predictions === undefined) throw new Error(`the vault lost the predictions ${digest}`);
  return predictions;
}
