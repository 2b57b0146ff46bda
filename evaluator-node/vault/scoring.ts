// Scores one set of predictions on every split of a task version. A version's rows are loaded once and kept.

import { createHash } from 'node:crypto';
import { err, ok, type Result } from '../../shared/core/result.ts';
import { sha256 } from '../../shared/store/digest.ts';
import { shownPredictions } from '../core/feedback.ts';
import { metricFor } from '../core/grader-metric.ts';
import { labelWorth, worthUnder } from '../core/label-worth.ts';
import type { Metric, Rows } from '../core/metrics/metric.ts';
import { type Score, type ScoreFailure, scoreRows } from '../core/metrics/score.ts';
import { withPredictions } from '../core/metrics/texts.ts';
import { release } from '../core/release.ts';
import type { StoredTask } from '../core/task.ts';
import { type IdTable, idTableOfJson } from '../submission/id-table.ts';
import type { SubmissionShape } from '../submission/parser.ts';
import { doubleBytes } from './doubles.ts';
import { rowsOf, type SplitName } from './hidden-labels.ts';
import type { Predictions, SplitScores } from './runs.ts';
import type { HiddenRows, Vault } from './vault.ts';

/** A task version, ready to score. */
export interface LoadedTask {
  readonly task: StoredTask;
  readonly metric: Metric;
  readonly hidden: HiddenRows;
  readonly ids: IdTable;
  readonly shape: SubmissionShape;
  /** The text of grade.py, where the task has its own grader. */
  readonly graderProgram?: string;
  /** Rows of each split, as positions in test.csv. */
  readonly rowsOf: Readonly<Record<SplitName, Uint32Array>>;
  /** The most that one label moves the search score of these predictions; 0 where a task's own grader scores. */
  labelWorth(predictions: Float64Array): number;
}

/** Versions kept in memory; a run uses one, and few runs go on at a time. */
const loadedLimit = 4;

/** Loads versions from the vault, the last few of them from memory. */
export function createTaskLoader(vault: Vault): (task: StoredTask) => LoadedTask {
  const loaded = new Map<string, LoadedTask>();
  return (task) => {
    const known = loaded.get(task.version);
    if (known !== undefined) return known;
    const fresh = loadTask(vault, task);
    const [oldest] = loaded.keys();
    if (loaded.size >= loadedLimit && oldest !== undefined) loaded.delete(oldest);
    loaded.set(task.version, fresh);
    return fresh;
  };
}

/** The metric of a task that was imported. */
export function metricOf({ description }: StoredTask): Metric {
  const metric = metricFor(description);
  if (metric !== undefined) return metric;
  throw new Error(`task ${description.name} has the metric ${description.metric}, which is unknown`);
}

function loadTask(vault: Vault, task: StoredTask): LoadedTask {
  const { description } = task;
  const metric = metricOf(task);
  const hidden = vault.hiddenRows(task.version);
  const graderProgram = vault.graderProgram(task.version);
  const json = vault.hiddenIds(task.version);
  const ids = idTableOfJson(json);
  release(json);
  let worth: number | undefined;
  const loaded: LoadedTask = {
    task,
    metric,
    hidden,
    ...(graderProgram === undefined ? {} : { graderProgram }),
    ids,
    shape: {
      idColumn: description.idColumn,
      predictionColumns: description.predictionColumns,
      kind: metric.kind,
      classes: description.classes,
      ...(metric.predictionRange === undefined ? {} : { range: metric.predictionRange }),
      ...(metric.columnDomains === undefined ? {} : { columnRanges: metric.columnDomains }),
      ...(metric.textProblem === undefined ? {} : { textProblem: metric.textProblem }),
      sharesOfOne: metric.sharesOfOne === true,
      needsVariation: metric.needsVariation === true,
      metric: metric.name,
    },
    rowsOf: {
      search: rowsOf(hidden.splits, 'search'),
      validation: rowsOf(hidden.splits, 'validation'),
      test: rowsOf(hidden.splits, 'test'),
    },
    labelWorth(predictions) {
      worth ??= labelWorth(metric, truthOf(loaded, 'search'));
      if (metric.leverage === undefined) return worth;
      const told = predictionsFor(loaded, 'search', predictions);
      return worthUnder(metric, worth, told, description.predictionColumns.length);
    },
  };
  return loaded;
}

/** The truth of a split, without predictions. */
export function truthOf(loaded: LoadedTask, split: SplitName): Omit<Rows, 'prediction'> {
  const { hidden, shape } = loaded;
  if (!hidden.opens.includes(split))
    throw new Error(`invariant broken: the labels of the ${split} rows are not open here`);
  const { columnWeights } = loaded.task.description;
  const truthWidth = hidden.truth.length / loaded.ids.size;
  return {
    count: loaded.rowsOf[split].length,
    truth: pickRows(loaded.rowsOf[split], hidden.truth, truthWidth),
    truthWidth,
    width: shape.predictionColumns.length,
    classCount: shape.classes.length,
    ...(hidden.texts === undefined ? {} : { texts: hidden.texts }),
    ...(columnWeights === undefined ? {} : { columnWeights }),
  };
}

/** The predictions for the rows of a split. */
export function predictionsFor(loaded: LoadedTask, split: SplitName, predictions: Float64Array): Float64Array {
  return pickRows(loaded.rowsOf[split], predictions, loaded.shape.predictionColumns.length);
}

/** Some rows of row-major values. */
function pickRows(rows: Uint32Array, values: Float64Array, width: number): Float64Array {
  const picked = new Float64Array(rows.length * width);
  for (let index = 0; index < rows.length; index += 1) {
    const from = (rows[index] ?? 0) * width;
    for (let column = 0; column < width; column += 1) picked[index * width + column] = values[from + column] ?? 0;
  }
  return picked;
}

/** Scores one split, as it is or as agents may learn it; undefined for a test split whose labels are not all known. */
function scoreSplit(
  loaded: LoadedTask,
  split: SplitName,
  { values, texts }: Predictions,
  heldBack = false,
): Result<Score, ScoreFailure> | undefined {
  const truth = truthOf(loaded, split);
  if (split === 'test' && (truth.count === 0 || truth.truth.some(Number.isNaN))) return;
  const picked = predictionsFor(loaded, split, values);
  const rows = withPredictions(truth, heldBack ? shownPredictions(loaded.metric, picked, truth.width) : picked, texts);
  const score = scoreRows(loaded.metric, rows, `${loaded.task.version}:${split}`);
  for (const column of [truth.truth, picked, rows.truth, rows.prediction]) release(column);
  return score;
}

/** Scores the search split: all that may be known of a submission before its run is sealed. */
export function scoreSearch(loaded: LoadedTask, predictions: Predictions): Result<SplitScores, ScoreFailure> {
  const search = scoreSplit(loaded, 'search', predictions);
  if (search === undefined || !search.ok)
    return err(search?.error ?? { kind: 'noRows', message: 'there are no rows to score' });
  const shown = shownScore(loaded, predictions);
  return ok({ search: search.value, ...(shown === undefined ? {} : { shown }) });
}

/** The score of a split; undefined where it has none, as a test split whose labels are not all known. */
export function splitScore(loaded: LoadedTask, split: SplitName, predictions: Predictions): Score | undefined {
  const score = scoreSplit(loaded, split, predictions);
  return score?.ok === true ? score.value : undefined;
}

function shownScore(loaded: LoadedTask, predictions: Predictions): Score | undefined {
  if (loaded.metric.shownWithin === undefined) return;
  const score = scoreSplit(loaded, 'search', predictions, true);
  return score?.ok === true ? score.value : undefined;
}

/** What a ladder starts from: the trivial baseline's search score, where it has one. */
export function ladderStart(loaded: LoadedTask): Score | undefined {
  const score = scoreSplit(loaded, 'search', baselinePredictions(loaded));
  return score?.ok === true ? score.value : undefined;
}

/** What the trivial baseline predicts for all hidden rows. */
export function baselinePredictions({ hidden, ids }: LoadedTask): Predictions {
  const { row } = hidden.baseline;
  const values = new Float64Array(ids.size * row.length);
  for (let at = 0; at < values.length; at += row.length) values.set(row, at);
  return hidden.texts === undefined ? { values } : { values, texts: hidden.texts };
}

/** The score of the trivial baseline on a split; NaN where its constant has none. */
export function baselineScore(loaded: LoadedTask, split: SplitName): number {
  const score = scoreSplit(loaded, split, baselinePredictions(loaded));
  return score?.ok === true ? score.value.value : Number.NaN;
}

/** Name of a set of predictions: equal predictions, equal digest, however the file wrote them. Databases hold these names. */
export function predictionDigest({ values, texts }: Predictions): string {
  const numbers = sha256(doubleBytes(values));
  if (texts === undefined) return numbers;
  const hash = createHash('sha256').update(`${numbers}\n`);
  for (const piece of jsonPieces(texts)) hash.update(piece);
  return hash.digest('hex');
}

/** Long enough that a million short texts are few calls. */
const jsonPieceLength = 64 * 1024;

/** `JSON.stringify(texts)` in pieces: whole it takes up to six times the texts, which may be more than a string can hold. */
function* jsonPieces(texts: readonly string[]): Generator<string> {
  let piece = '[';
  for (const [index, text] of texts.entries()) {
    piece += `${index === 0 ? '' : ','}${JSON.stringify(text)}`;
    if (piece.length < jsonPieceLength) continue;
    yield piece;
    piece = '';
  }
  yield `${piece}]`;
}
