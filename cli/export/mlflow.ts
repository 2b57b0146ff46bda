// A run in MLflow: one MLflow run for the search, and nested in it one for each candidate that has ended.
// Owns: what goes where, and that exporting again adds what is new and makes nothing twice. Leaves to the tracking port how an
// MLflow server is spoken to.
// Invariants: 1. only additions: nothing that is there is deleted or renamed. 2. A tag with our id finds what an earlier export made.

import { bestSoFar, endedSeconds, hasEnded } from '../core/history.ts';
import type { Candidate } from '../core/model.ts';
import { finalScoreOf, finalTestScoreOf, outcomeOf } from '../report/facts.ts';
import { type Exported, finalist } from './table.ts';

export interface Metric {
  readonly key: string;
  readonly value: number;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly step: number;
}

export interface Batch {
  readonly metrics: readonly Metric[];
  readonly params: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

export interface NewRun {
  readonly experimentId: string;
  readonly name: string;
  readonly startTime: number;
  readonly tags: Readonly<Record<string, string>>;
}

/** What is needed of an MLflow server. Calls may be repeated; a failure is an Error with a sentence. */
export interface Tracking {
  /** The id of the experiment of that name, which is made where there is none. */
  experiment(name: string): Promise<string>;
  /** MLflow's ids of the runs that carry a tag, by the tag's value. */
  runsByTag(experimentId: string, tag: string, parent: string | undefined): Promise<ReadonlyMap<string, string>>;
  createRun(run: NewRun): Promise<string>;
  log(runId: string, batch: Batch): Promise<void>;
  end(runId: string, status: 'FINISHED' | 'FAILED' | 'KILLED' | 'RUNNING', endTime: number | undefined): Promise<void>;
}

export interface Exportation {
  readonly experimentId: string;
  readonly runId: string;
  readonly created: number;
  readonly skipped: number;
}

const runTag = 'doubleblind.run_id';
const candidateTag = 'doubleblind.candidate_id';
/** MLflow refuses longer values of tags. */
const longestTag = 5000;

export async function exportToMlflow(tracking: Tracking, data: Exported, experiment: string): Promise<Exportation> {
  const { run, candidates } = data;
  const experimentId = await tracking.experiment(experiment);
  const existing = (await tracking.runsByTag(experimentId, runTag, undefined)).get(run.runId);
  const startTime = millis(run.createdAt);
  const tags = { [runTag]: run.runId, 'doubleblind.task': run.task, 'mlflow.source.name': 'doubleblind' };
  const runId = existing ?? (await tracking.createRun({ experimentId, name: run.runId, startTime, tags }));
  await tracking.log(runId, searchBatch(data));
  await tracking.end(
    runId,
    run.state === 'sealed' ? 'FINISHED' : run.state === 'killed' ? 'KILLED' : 'RUNNING',
    optionalMillis(run.endedAt ?? run.sealedAt),
  );

  const ended = candidates.filter(hasEnded);
  const there = existing === undefined ? new Map() : await tracking.runsByTag(experimentId, candidateTag, runId);
  let created = 0;
  for (const candidate of ended) {
    const child =
      there.get(candidate.candidateId) ?? (await createChild(tracking, candidate, { experimentId, parent: runId }));
    if (!there.has(candidate.candidateId)) created += 1;
    // The verdict comes after the first export of a run that was live.
    else if (finalist(candidate, data) === undefined) continue;
    await tracking.log(child, candidateBatch(candidate, data));
    const status = candidate.state === 'scored' ? 'FINISHED' : 'FAILED';
    await tracking.end(child, status, optionalMillis(candidate.endedAt));
  }
  return { experimentId, runId, created, skipped: ended.length - created };
}

async function createChild(
  tracking: Tracking,
  candidate: Candidate,
  { experimentId, parent }: { readonly experimentId: string; readonly parent: string },
): Promise<string> {
  const tags = { [candidateTag]: candidate.candidateId, 'mlflow.parentRunId': parent };
  const name = `#${candidate.number} ${candidate.operator ?? ''}`.trim();
  return await tracking.createRun({
    experimentId,
    name,
    startTime: millis(candidate.startedAt ?? candidate.plannedAt),
    tags,
  });
}

function searchBatch({ run, candidates }: Exported): Batch {
  const lowerIsBetter = run.taskInfo?.lowerIsBetter ?? true;
  const curve = bestSoFar(run, candidates, lowerIsBetter).map((point) => ({
    key: 'best_search_score',
    value: point.score,
    timestamp: millis(point.candidate.endedAt),
    step: Math.round(endedSeconds(run, point.candidate)),
  }));
  const { verdict, options } = run;
  const metric = metricAt(optionalMillis(run.endedAt ?? run.sealedAt) ?? millis(run.createdAt));
  const outcome = outcomeOf(run, candidates);
  return {
    metrics: [
      ...curve,
      ...metric('candidates_scored', run.candidatesScored),
      ...metric('attempts_failed', run.attemptsFailed),
      ...metric('dollars', run.usage.dollars),
      ...metric('validation_score', outcome && finalScoreOf(outcome)),
      ...metric('validation_interval_low', outcome?.verdict.intervalLow),
      ...metric('validation_interval_high', outcome?.verdict.intervalHigh),
      ...metric('baseline_validation_score', verdict?.baselineValidationScore),
      ...metric('test_score', outcome && finalTestScoreOf(outcome)),
    ],
    params: {
      task: run.task,
      metric: run.taskInfo?.metric ?? '',
      lower_is_better: String(lowerIsBetter),
      ...(options === null ? {} : { seed: String(options.seed), model: options.model || 'default' }),
    },
    tags: {
      'doubleblind.state': run.state,
      ...(run.endReason === '' ? {} : { 'doubleblind.end_reason': run.endReason }),
      ...(verdict === null
        ? {}
        : { 'doubleblind.winner': verdict.winnerId, 'doubleblind.ledger_head': verdict.ledgerHead }),
    },
  };
}

function candidateBatch(candidate: Candidate, data: Exported): Batch {
  const metric = metricAt(millis(candidate.endedAt));
  const { usage } = candidate;
  return {
    metrics: [
      ...metric('search_score', candidate.searchScore),
      ...metric('search_standard_error', candidate.searchScore === null ? null : candidate.standardError),
      ...metric('validation_score', finalist(candidate, data)?.validationScore),
      ...metric('test_score', finalist(candidate, data)?.testScore),
      ...metric('run_seconds', candidate.runSeconds),
      ...metric('slot_seconds', usage.slotSeconds),
      ...metric('turns', usage.turns),
      ...metric('input_tokens', usage.inputTokens),
      ...metric('output_tokens', usage.outputTokens),
      ...metric('dollars', usage.dollars),
    ],
    params: {
      operator: candidate.operator ?? '',
      number: String(candidate.number),
      parents: candidate.parentIds.join(' '),
      slot: `${candidate.host}/${candidate.slotId}`,
    },
    tags: {
      'doubleblind.state': candidate.state,
      ...(candidate.failureReason === null ? {} : { 'doubleblind.failure': candidate.failureReason }),
      ...(candidate.note === '' ? {} : { 'mlflow.note.content': candidate.note.slice(0, longestTag) }),
      'doubleblind.solution_digest': candidate.artifacts.solutionDigest,
    },
  };
}

/** Metrics of one time; none where there is no number: JSON has no NaN, and MLflow refuses a whole batch for one null. */
function metricAt(timestamp: number): (key: string, value: number | null | undefined) => Metric[] {
  return (key, value) =>
    typeof value === 'number' && Number.isFinite(value) ? [{ key, value, timestamp, step: 0 }] : [];
}

function millis(at: string | null): number {
  return at === null ? 0 : Date.parse(at);
}

function optionalMillis(at: string | null): number | undefined {
  return at === null ? undefined : Date.parse(at);
}
