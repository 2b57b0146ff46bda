// What the vault holds of runs: candidates with their epochs, evaluations, predictions with all their scores, verdicts.

import type { Database } from '../../shared/store/sqlite.ts';
import type { AdmissionFacts } from '../core/admission.ts';
import type { Outcome } from '../core/answer.ts';
import type { Shown } from '../core/feedback.ts';
import type { Score } from '../core/metrics/score.ts';
import type { QueriesUsed } from '../core/queries.ts';
import { doubleBytes, doublesOf } from './doubles.ts';
import { columnOfTexts, textsOfColumn } from './text-column.ts';

/** Scores of one set of predictions on all splits. Only the search score may leave before the seal. */
export interface SplitScores {
  readonly search: Score;
  /** The search score as agents may learn it, before it is rounded; the same as `search` where it is left out. */
  readonly shown?: Score;
  readonly validation?: Score;
  /** Where the labels of the official test rows are known. */
  readonly test?: Score;
  /** Of a task's own grader, which is asked at the seal: the validation score over rows drawn again, paired by their place; null where it had none. */
  readonly validationReplicates?: readonly (number | null)[];
}

/** Predictions for all hidden rows, row-major in the order of the public test.csv. */
export interface Predictions {
  readonly values: Float64Array;
  /** What the values are codes of, where the task takes texts. */
  readonly texts?: readonly string[];
}

interface RecordedOutcome {
  readonly outcome: Outcome;
  readonly ledgerSequence: number;
}

interface EvaluationRecord extends RecordedOutcome {
  readonly runId: string;
  readonly candidateId: string;
  readonly epoch: number;
  readonly digest: string;
  readonly predictionDigest?: string;
  /** True where it told the run a score that it had not learned before. */
  readonly isQuery: boolean;
}

/** A candidate's newest evaluation, as the seal needs it. */
export interface SealedCandidate {
  readonly outcome: Outcome;
  readonly scores: SplitScores;
  readonly predictionDigest: string;
  /** Of its submission. */
  readonly digest: string;
}

export interface Runs {
  facts(runId: string, candidateId: string): AdmissionFacts;
  /** The task version of the run and its verdict as JSON, where it is sealed. */
  find(runId: string): { version: string; verdict?: string } | undefined;
  bind(runId: string, version: string): void;
  recordedOutcome(runId: string, candidateId: string, digest: string): RecordedOutcome | undefined;
  /** Notes that this epoch now holds the candidate, and with which submission; without one that stays as it was. */
  touchCandidate(runId: string, candidateId: string, epoch: number, digest: string | undefined): void;
  record(evaluation: EvaluationRecord): void;
  /** The answer that the run has for those predictions, of whichever candidate. */
  outcomeOfPrediction(runId: string, predictionDigest: string): Outcome | undefined;
  /** Notes the parents of a candidate; the first ones that were told stay. */
  noteParents(runId: string, candidateId: string, parentIds: readonly string[]): void;
  /** Queries of the run with its family of forks, and of the candidate with its ancestors. */
  queriesUsed(runId: string, candidateId: string): QueriesUsed;
  /** The best score that the run's agents were shown. */
  shown(runId: string): Shown | undefined;
  show(runId: string, shown: Shown): void;
  scoresOf(version: string, predictionDigest: string): SplitScores | undefined;
  predictionOf(version: string, predictionDigest: string): Predictions | undefined;
  storePrediction(version: string, predictionDigest: string, predictions: Predictions, scores: SplitScores): void;
  /** Notes what a grader said at a seal. */
  addScores(version: string, predictionDigest: string, scores: SplitScores): void;
  /** The newest scored evaluation of a candidate, or undefined where it has none. */
  sealable(runId: string, candidateId: string): SealedCandidate | undefined;
  seal(runId: string, verdict: string): void;
}

/** The run tables of the vault's database. */
export function openRuns(database: Database): Runs {
  return {
    facts: (runId, candidateId) => readFacts(database, runId, candidateId),
    find(runId) {
      const row = database.get<{ version: string; verdict: string | null }>(
        'SELECT version, verdict FROM runs WHERE run_id = ?',
        runId,
      );
      if (row === undefined) return;
      return row.verdict === null ? { version: row.version } : { version: row.version, verdict: row.verdict };
    },
    bind(runId, version) {
      database.run('INSERT INTO runs (run_id, version) VALUES (?, ?) ON CONFLICT DO NOTHING', runId, version);
    },
    recordedOutcome(runId, candidateId, digest) {
      const row = database.get<{ outcome: string; ledger_sequence: number }>(
        'SELECT outcome, ledger_sequence FROM evaluations WHERE run_id = ? AND candidate_id = ? AND digest = ?',
        runId,
        candidateId,
        digest,
      );
      return row && { outcome: JSON.parse(row.outcome) as Outcome, ledgerSequence: row.ledger_sequence };
    },
    touchCandidate(runId, candidateId, epoch, digest) {
      database.run(
        `INSERT INTO candidates (run_id, candidate_id, epoch, digest) VALUES (?, ?, ?, ?)
         ON CONFLICT (run_id, candidate_id) DO UPDATE
         SET epoch = excluded.epoch, digest = iif(excluded.digest = '', digest, excluded.digest)`,
        runId,
        candidateId,
        epoch,
        digest ?? '',
      );
    },
    record: (evaluation) => insertEvaluation(database, evaluation),
    outcomeOfPrediction(runId, predictionDigest) {
      const sql = 'SELECT outcome FROM evaluations WHERE run_id = ? AND prediction_digest = ? LIMIT 1';
      const row = database.get<{ outcome: string }>(sql, runId, predictionDigest);
      return row && (JSON.parse(row.outcome) as Outcome);
    },
    noteParents: (runId, candidateId, parentIds) => insertParents(database, runId, candidateId, parentIds),
    queriesUsed: (runId, candidateId) => readQueries(database, runId, candidateId),
    shown(runId) {
      const row = database.get<{ shown: string | null }>(`SELECT shown FROM runs WHERE run_id = ${familySql}`, runId);
      return row === undefined || row.shown === null ? undefined : (JSON.parse(row.shown) as Shown);
    },
    show(runId, shown) {
      database.run(`UPDATE runs SET shown = ?2 WHERE run_id = ${familySql}`, runId, JSON.stringify(shown));
    },
    scoresOf(version, predictionDigest) {
      const sql = 'SELECT scores FROM predictions WHERE version = ? AND digest = ?';
      const row = database.get<{ scores: string }>(sql, version, predictionDigest);
      return row && (JSON.parse(row.scores) as SplitScores);
    },
    predictionOf(version, predictionDigest) {
      const sql = 'SELECT data, texts FROM predictions WHERE version = ? AND digest = ?';
      return predictionsOf(database.get<PredictionRow>(sql, version, predictionDigest));
    },
    storePrediction(version, predictionDigest, { values, texts }, scores) {
      const sql =
        'INSERT INTO predictions (version, digest, data, texts, scores) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING';
      const coded = texts === undefined ? null : columnOfTexts(texts);
      database.run(sql, version, predictionDigest, doubleBytes(values), coded, JSON.stringify(scores));
    },
    addScores(version, predictionDigest, scores) {
      const sql = 'UPDATE predictions SET scores = ? WHERE version = ? AND digest = ?';
      database.run(sql, JSON.stringify(scores), version, predictionDigest);
    },
    sealable: (runId, candidateId) => readSealable(database, runId, candidateId),
    seal(runId, verdict) {
      database.run('UPDATE runs SET verdict = ? WHERE run_id = ? AND verdict IS NULL', verdict, runId);
    },
  };
}

/** Predictions as a table holds them. */
export interface PredictionRow {
  data: Uint8Array;
  texts: string | null;
}

/** The predictions of a row, where there is one. */
export function predictionsOf(row: PredictionRow | undefined): Predictions | undefined {
  if (row === undefined) return;
  const values = doublesOf(row.data);
  return row.texts === null ? { values } : { values, texts: textsOfColumn(row.texts) };
}

function readFacts(database: Database, runId: string, candidateId: string): AdmissionFacts {
  const run = database.get<{ version: string; sealed: number }>(
    'SELECT version, verdict IS NOT NULL AS sealed FROM runs WHERE run_id = ?',
    runId,
  );
  if (run === undefined) return { runSealed: false };
  const facts = { runSealed: run.sealed === 1, boundVersion: run.version };
  const candidate = database.get<{ epoch: number; digest: string }>(
    'SELECT epoch, digest FROM candidates WHERE run_id = ? AND candidate_id = ?',
    runId,
    candidateId,
  );
  if (candidate === undefined) return facts;
  const { epoch: newestEpoch, digest: newestDigest } = candidate;
  // Nothing but exploratory submissions so far.
  return newestDigest === '' ? { ...facts, newestEpoch } : { ...facts, newestEpoch, newestDigest };
}

function insertParents(database: Database, runId: string, candidateId: string, parentIds: readonly string[]): void {
  const sql = 'SELECT 1 FROM parents WHERE run_id = ? AND candidate_id = ? LIMIT 1';
  if (database.get(sql, runId, candidateId) !== undefined) return;
  for (const parentId of parentIds) {
    database.run('INSERT OR IGNORE INTO parents VALUES (?, ?, ?)', runId, candidateId, parentId);
  }
}

/** The run that keeps the counts of a run. */
const familySql = '(SELECT coalesce(family, run_id) FROM runs WHERE run_id = ?1)';

/** UNION keeps each ancestor once, so the walk ends even where somebody told a circle. */
const lineageSql = `
  WITH RECURSIVE line (run, id) AS (
    SELECT ?1, ?2 UNION
    SELECT p.run_id, p.parent_id FROM line JOIN parents p ON p.run_id = line.run AND p.candidate_id = line.id UNION
    SELECT i.from_run_id, i.from_candidate_id
    FROM line JOIN inherited i ON i.run_id = line.run AND i.candidate_id = line.id
  )
  SELECT COUNT(*) AS queries FROM line JOIN evaluations e ON e.run_id = line.run AND e.candidate_id = line.id
  WHERE e.is_query = 1`;

function readQueries(database: Database, runId: string, candidateId: string): QueriesUsed {
  const run = database.get<{ queries: number }>(`SELECT queries FROM runs WHERE run_id = ${familySql}`, runId);
  const line = database.get<{ queries: number }>(lineageSql, runId, candidateId);
  return { run: run?.queries ?? 0, lineage: line?.queries ?? 0 };
}

function insertEvaluation(database: Database, evaluation: EvaluationRecord): void {
  if (evaluation.isQuery) {
    database.run(`UPDATE runs SET queries = queries + 1 WHERE run_id = ${familySql}`, evaluation.runId);
  }
  database.run(
    `INSERT INTO evaluations
       (run_id, candidate_id, digest, epoch, outcome, prediction_digest, ledger_sequence, is_query)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    evaluation.runId,
    evaluation.candidateId,
    evaluation.digest,
    evaluation.epoch,
    JSON.stringify(evaluation.outcome),
    evaluation.predictionDigest ?? null,
    evaluation.ledgerSequence,
    evaluation.isQuery ? 1 : 0,
  );
}

function readSealable(database: Database, runId: string, candidateId: string): SealedCandidate | undefined {
  const row = database.get<{ outcome: string; prediction_digest: string; scores: string; digest: string }>(
    `SELECT e.outcome, e.prediction_digest, p.scores, e.digest
     FROM candidates c
     JOIN evaluations e ON e.run_id = c.run_id AND e.candidate_id = c.candidate_id AND e.digest = c.digest
     JOIN runs r ON r.run_id = c.run_id
     JOIN predictions p ON p.version = r.version AND p.digest = e.prediction_digest
     WHERE c.run_id = ? AND c.candidate_id = ?`,
    runId,
    candidateId,
  );
  if (row === undefined) return;
  return {
    outcome: JSON.parse(row.outcome) as Outcome,
    scores: JSON.parse(row.scores) as SplitScores,
    predictionDigest: row.prediction_digest,
    digest: row.digest,
  };
}
