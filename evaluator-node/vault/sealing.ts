// Ends a run: picks the winner by validation score and reveals what was hidden, once.
//
// The choice is the judge's (judge.ts), in a process of its own; what it rests on is checked again in the transaction that
// records it.

import { isDeepStrictEqual } from 'node:util';
import { csvText } from '../core/csv-text.ts';
import { EvaluatorFault } from '../core/evaluator-fault.ts';
import { handedIn, type SealRequest, type Verdict } from '../core/verdict.ts';
import { type Choice, type Finalist, storedPredictions } from './choice.ts';
import { blendMembers } from './ensembles.ts';
import type { EvaluationParts } from './evaluation.ts';
import { forkNote } from './forks.ts';
import { exposureNote, refitsOf } from './refits.ts';
import { taskOfRun } from './run-task.ts';
import type { Predictions, SealedCandidate } from './runs.ts';
import type { LoadedTask } from './scoring.ts';
import type { OfficialRow, Vault } from './vault.ts';

/** Most candidates of one seal: the coordinator sends its top ten. */
const mostFinalists = 200;

/** A candidate that is evaluated again while a choice is made needs another choice; nobody does that for long. */
const mostChoices = 5;

/** Seals the run, or gives the verdict of the earlier seal. */
export async function sealRun(parts: EvaluationParts, request: SealRequest): Promise<Verdict> {
  checkRequest(request);
  for (let choices = 0; choices < mostChoices; choices += 1) {
    const before = readSeal(parts, request);
    if (before.kind === 'sealed') return before.verdict;
    const choice = await choose(parts, request.runId, before);
    const verdict = writeSeal(parts, request, before, choice);
    if (verdict !== undefined) return verdict;
  }
  const message = 'candidates of the run are evaluated again and again; seal it when its attempts have ended';
  throw new EvaluatorFault('failedPrecondition', 'runBusy', message);
}

function checkRequest({ candidateIds }: SealRequest): void {
  if (candidateIds.length > mostFinalists) {
    throw new EvaluatorFault(
      'invalidArgument',
      'tooManyFinalists',
      `candidate_ids has ${candidateIds.length} entries; ${mostFinalists} is the most`,
    );
  }
  if (new Set(candidateIds).size !== candidateIds.length) {
    throw new EvaluatorFault('invalidArgument', 'repeatedFinalist', 'candidate_ids names a candidate twice');
  }
}

const benchmarkNote =
  'refit is off for a benchmark: what is handed in was made without the search and validation labels';

async function choose(parts: EvaluationParts, runId: string, { version, finalists }: Open): Promise<Choice> {
  const task = parts.vault.taskOfVersion(version);
  const choice = await parts.judge.choose(version, runId, finalists);
  const { database } = parts.vault;
  const notes = [
    ...(task?.description.isBenchmark === true && choice.winnerId !== '' ? [benchmarkNote] : []),
    ...[forkNote(database, runId), exposureNote(database, runId)].filter((note) => note !== undefined),
  ];
  return notes.length === 0 ? choice : { ...choice, notes: [...(choice.notes ?? []), ...notes] };
}

interface Open {
  readonly kind: 'open';
  readonly version: string;
  readonly finalists: readonly Finalist[];
}

/** What is to be chosen among, or the verdict where the run is sealed already. */
function readSeal(parts: EvaluationParts, request: SealRequest): Open | { kind: 'sealed'; verdict: Verdict } {
  const { vault } = parts;
  const { runId, candidateIds, caller } = request;
  return vault.database.transaction(() => {
    const earlier = verdictOf(vault, runId);
    if (earlier !== undefined) {
      tell(parts, runId, 'verdictRepeated', caller);
      return { kind: 'sealed', verdict: earlier };
    }
    const { version } = taskOfRun(vault, runId, request.task);
    const bound = vault.runs.find(runId);
    if (bound !== undefined && bound.version !== version) {
      throw new EvaluatorFault(
        'failedPrecondition',
        'otherTask',
        'the run was evaluated on another task or another version of it',
      );
    }
    const finalists = candidateIds.map((candidateId) => ({ candidateId, ...sealable(vault, runId, candidateId) }));
    return { kind: 'open', version, finalists };
  });
}

/** What a choice rests on. Scores follow from the predictions, and the choice itself adds those of a task's own grader. */
function groundsOf({ version, finalists }: Open): unknown {
  return { version, finalists: finalists.map(({ scores: _, ...finalist }) => finalist) };
}

/** Records the choice, where what it was made among is still so; undefined where it is not. */
function writeSeal(parts: EvaluationParts, request: SealRequest, before: Open, choice: Choice): Verdict | undefined {
  const { vault, ledger, clock } = parts;
  const { runId } = request;
  return vault.database.transaction(() => {
    const now = readSeal(parts, request);
    if (now.kind === 'sealed') return now.verdict;
    if (!isDeepStrictEqual(groundsOf(now), groundsOf(before))) return;
    vault.runs.bind(runId, before.version);
    const told = { type: 'runSealed', at: clock.now().toISOString(), to: request.caller, version: before.version };
    const ledgerHead = ledger.append(runId, { ...told, ...choice }).hash;
    const sealed = { ...choice, ledgerHead };
    vault.runs.seal(runId, JSON.stringify(sealed));
    return sealed;
  });
}

/** Writes down that something of a sealed run left again. */
export function tell(
  { ledger, clock }: EvaluationParts,
  runId: string,
  type: string,
  to: string,
  more: Record<string, unknown> = {},
): void {
  ledger.append(runId, { type, at: clock.now().toISOString(), to, runId, ...more });
}

/** The verdict of a sealed run. */
export function verdictOf(vault: Vault, runId: string): Verdict | undefined {
  const verdict = vault.runs.find(runId)?.verdict;
  return verdict === undefined ? undefined : (JSON.parse(verdict) as Verdict);
}

function sealable(vault: Vault, runId: string, candidateId: string): SealedCandidate {
  const found = vault.runs.sealable(runId, candidateId);
  if (found !== undefined) return found;
  const message = `the candidate ${JSON.stringify(candidateId)} has no score in this run; seal with scored candidates only`;
  throw new EvaluatorFault('failedPrecondition', 'candidateUnscored', message);
}

/** The predictions of the winner, or of the ensemble that beat it, for the official test rows, in the format of the official sample submission. */
export function finalSubmission(parts: EvaluationParts, runId: string, caller: string): string {
  const { vault } = parts;
  const run = vault.runs.find(runId);
  const verdict = verdictOf(vault, runId);
  const task = run && vault.taskOfVersion(run.version);
  if (run === undefined || task === undefined)
    throw new EvaluatorFault('notFound', 'runUnknown', `there is no run ${JSON.stringify(runId)} here`);
  if (verdict === undefined)
    throw new EvaluatorFault('failedPrecondition', 'runNotSealed', 'the run is not sealed yet; seal it first');
  if (!verdict.hasFinalSubmission) {
    const message = 'the run has no final submission: no candidate won, or the task has no official test rows';
    throw new EvaluatorFault('failedPrecondition', 'noFinalSubmission', message);
  }
  const loaded = parts.load(task);
  const members = handedIn(verdict);
  const refits = refitsOf(
    vault.database,
    runId,
    members.map(({ candidateId }) => candidateId),
  );
  const predictionsOf = (candidateId: string): Predictions =>
    refits?.get(candidateId) ??
    storedPredictions(vault, run.version, sealable(vault, runId, candidateId).predictionDigest);
  const predictions =
    verdict.ensemble?.selected === true
      ? { values: blendMembers(loaded, members, (id) => predictionsOf(id).values) }
      : predictionsOf(verdict.winnerId);
  tell(parts, runId, 'finalSubmissionSent', caller, refits === undefined ? {} : { refitted: true });
  // Refits predict the official test rows alone, in their order.
  return officialFile(loaded, predictions, ({ row }, index) => (refits === undefined ? row : index));
}

/** The predictions for the official test rows under their own ids, as CSV. */
function officialFile(
  { task, hidden }: LoadedTask,
  { values, texts }: Predictions,
  placeOf: (official: OfficialRow, index: number) => number,
): string {
  const { description } = task;
  const width = description.predictionColumns.length;
  const names = texts ?? (description.kind === 'label' ? description.classes : undefined);
  const fieldOf = (value: number): string => (names === undefined ? String(value) : (names[value] ?? ''));
  const rows = hidden.official.map((official, index) => {
    const place = placeOf(official, index) * width;
    return [official.id, ...Array.from(values.subarray(place, place + width), fieldOf)];
  });
  return csvText([[description.idColumn, ...description.officialColumns], ...rows]);
}
