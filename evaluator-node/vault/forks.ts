// Runs that begin with the scored candidates of another run.
//
// Owns: what a fork inherits, and from whom. Leaves to runs.ts the counting: a run and its forks have one query budget and
// one best score shown (the family's, kept with its first run), and a line of candidates goes on through the fork.
// Invariants: 1. Nothing leaves that the coordinator was not told before: each inherited answer is repeated, and recorded as such.
// 2. A fork is bound to the task version of its origin. 3. Forking the same run again under the same id changes nothing.

import type { Database } from '../../shared/store/sqlite.ts';
import { EvaluatorFault } from '../core/evaluator-fault.ts';
import type { ForkRequest } from '../core/fork.ts';
import { appendAnswer, type EvaluationParts } from './evaluation.ts';

/** Most candidates that a fork begins with; the coordinator sends no more. */
const mostInherited = 10_000;

/** Makes the fork. */
export function forkRun(parts: EvaluationParts, request: ForkRequest): void {
  const { runId, fromRunId, candidates } = request;
  const { database, runs } = parts.vault;
  if (candidates.length > mostInherited) {
    const message = `candidates has ${candidates.length} entries; ${mostInherited} is the most`;
    throw new EvaluatorFault('invalidArgument', 'tooManyCandidates', message);
  }
  database.transaction(() => {
    const origin = runs.find(fromRunId);
    if (origin === undefined)
      throw new EvaluatorFault('notFound', 'runUnknown', `there is no run ${JSON.stringify(fromRunId)} here`);
    if (runs.find(runId) !== undefined) {
      if (originOf(database, runId) === fromRunId) return;
      throw new EvaluatorFault('failedPrecondition', 'runExists', `the run ${JSON.stringify(runId)} is there already`);
    }
    runs.bind(runId, origin.version);
    database.run(
      `UPDATE runs SET forked_from = ?2, family = (SELECT coalesce(family, run_id) FROM runs WHERE run_id = ?2)
       WHERE run_id = ?1`,
      runId,
      fromRunId,
    );
    for (const { candidateId, fromCandidateId } of candidates) inherit(parts, request, candidateId, fromCandidateId);
  });
}

function inherit(
  parts: EvaluationParts,
  { runId, fromRunId, caller }: ForkRequest,
  candidateId: string,
  fromCandidateId: string,
): void {
  const { runs, database } = parts.vault;
  const scored = runs.sealable(fromRunId, fromCandidateId);
  const task = parts.vault.taskOfVersion(runs.find(fromRunId)?.version ?? '');
  if (scored === undefined || task === undefined) {
    const message = `the candidate ${JSON.stringify(fromCandidateId)} has no score in run ${fromRunId}; inherit scored candidates only`;
    throw new EvaluatorFault('failedPrecondition', 'candidateUnscored', message);
  }
  const { outcome, predictionDigest, digest } = scored;
  const about = { runId, candidateId, epoch: 0, digest };
  runs.touchCandidate(runId, candidateId, 0, digest);
  const ledgerSequence = appendAnswer(parts, task, { ...about, caller }, outcome, true);
  runs.record({ ...about, outcome, predictionDigest, ledgerSequence, isQuery: false });
  database.run('INSERT INTO inherited VALUES (?, ?, ?, ?)', runId, candidateId, fromRunId, fromCandidateId);
}

function originOf(database: Database, runId: string): string | undefined {
  const row = database.get<{ forked_from: string | null }>('SELECT forked_from FROM runs WHERE run_id = ?', runId);
  return row?.forked_from ?? undefined;
}

/** What a reader of a fork's verdict must know; undefined where the run is no fork. */
export function forkNote(database: Database, runId: string): string | undefined {
  const origin = originOf(database, runId);
  if (origin === undefined) return;
  for (let earlier: string | undefined = origin; earlier !== undefined; earlier = originOf(database, earlier)) {
    const sealed = database.get('SELECT 1 FROM runs WHERE run_id = ? AND verdict IS NOT NULL', earlier) !== undefined;
    if (!sealed) continue;
    return `the run was forked from ${origin}, and validation scores of ${earlier} had been told before this seal: whoever steered this run may have known them`;
  }
  return `the run was forked from ${origin}, of which no validation score had been told before this seal`;
}
