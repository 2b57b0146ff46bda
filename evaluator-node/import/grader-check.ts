// Runs a task's own grader before anybody relies on it, in the container that later calls run in: over the search rows,
// against the submission that every agent starts from (the sample's first row in every row), and against the answers
// themselves where they are a submission.

import { SandboxError } from '../../shared/sandbox/sandbox-error.ts';
import { csvText } from '../core/csv-text.ts';
import { type GraderCall, type GraderFailure, type GraderScore, graderSentences } from '../grader/grader.ts';
import type { Rehearsal, Rehearsed } from '../grader/rehearsal.ts';
import type { TaskPlan } from './plan.ts';
import type { Problem } from './problem.ts';

export interface GraderCheck {
  /** Rows of each call. */
  readonly rows: number;
  /** What the sample submission got; null where it got nothing. */
  readonly sampleScore: number | null;
  readonly sampleStandardError: number | null;
  /** What the answers themselves got; null where they got nothing, or are no submission. */
  readonly answersScore: number | null;
  /** Why it cannot be relied on. */
  readonly problem?: Problem;
  readonly warnings: readonly string[];
}

/** Runs the grader of a plan that has one. */
export async function checkGrader(plan: TaskPlan, rehearse: Rehearsal): Promise<GraderCheck> {
  const { file = '', lowerIsBetter = false } = plan.folder.settings.grader ?? {};
  const rows = plan.splits.filter((split) => split === 'search').length;
  const nothing = { rows, sampleScore: null, sampleStandardError: null, answersScore: null };
  try {
    const told = await rehearse(callOf(plan, 'sample'));
    const unfit = problemOf(file, rows, told);
    if (unfit !== undefined) return { ...nothing, problem: unfit, warnings: [] };
    const isSubmission = plan.columns.predictionColumns.length === plan.columns.targets.length;
    const perfect = isSubmission ? (await rehearse(callOf(plan, 'answers'))).outcome : undefined;
    const sample = told.outcome.ok ? told.outcome.value : undefined;
    const answers = perfect?.ok === true ? perfect.value : undefined;
    const warnings = warningsOf(sample, answers, lowerIsBetter).map((text) => `${file}: ${text}`);
    const { value = null, standardError = null } = sample ?? {};
    return {
      rows,
      sampleScore: value,
      sampleStandardError: standardError,
      answersScore: answers?.value ?? null,
      warnings,
    };
  } catch (error) {
    if (!(error instanceof SandboxError)) throw error;
    return { ...nothing, warnings: [`${file} was not run: ${error.message}`] };
  }
}

/** Where constants have no number, as with a correlation, the grader may be right all the same. */
function problemOf(file: string, rows: number, { outcome, words }: Rehearsed): Problem | undefined {
  if (outcome.ok || outcome.error === 'noNumber') return;
  const message = `run over the ${rows} search rows and a submission with the sample's first row in each, ${graderSentences[outcome.error]}`;
  return { file, message, remedy: remedies[outcome.error], ...(words === '' ? {} : { words }) };
}

function warningsOf(
  sample: GraderScore | undefined,
  answers: GraderScore | undefined,
  lowerIsBetter: boolean,
): string[] {
  const warnings: string[] = [];
  if (sample === undefined)
    warnings.push('it gave no finite number for the sample submission; a candidate that gets none is refused');
  const told = answers ?? sample;
  if (told !== undefined && told.standardError === undefined)
    warnings.push(
      'it refuses rows drawn again, or is too slow for them: scores will have no standard error and no interval',
    );
  if (sample !== undefined && answers !== undefined) {
    const isBetter = lowerIsBetter ? answers.value < sample.value : answers.value > sample.value;
    const better = lowerIsBetter ? 'lower' : 'higher';
    if (!isBetter)
      warnings.push(
        `the answers themselves got ${answers.value} and the sample submission ${sample.value}; is ${better} really better?`,
      );
  }
  return warnings;
}

const remedies: Readonly<Record<Exclude<GraderFailure, 'noNumber'>, string>> = {
  invalidSubmission: 'Make it take the sample submission under ids such as r00000000002a, as agents will write it',
  crashed: 'Raise for an invalid submission, and end in no other way',
  timeout: 'Make it faster, or raise grader.timeoutMs in evaluator.yaml',
  outOfMemory: 'Make it smaller, or raise grader.memoryBytes in evaluator.yaml',
  unreadable: 'Correct the file, or name its function as grader.function',
};

/** As the evaluator calls it: opaque ids, texts as they stand in the tables. */
function callOf(plan: TaskPlan, told: 'sample' | 'answers'): GraderCall {
  const { folder, columns, splits, truth, truthWidth, texts = [], baseline } = plan;
  const { id, targets, predictionColumns } = columns;
  const answers: string[][] = [[id, ...targets]];
  const submission: string[][] = [[id, ...predictionColumns]];
  const textOf = (code: number): string => texts[code] ?? '';
  // Columns are by name where the names are the same, else by place.
  const places = predictionColumns.map((name, place) => (targets.includes(name) ? targets.indexOf(name) : place));
  splits.forEach((split, row) => {
    if (split !== 'search') return;
    const opaque = `r${row.toString(16).padStart(12, '0')}`;
    const labels = Array.from(truth.subarray(row * truthWidth, (row + 1) * truthWidth), textOf);
    answers.push([opaque, ...labels]);
    const said = told === 'sample' ? Array.from(baseline.row, textOf) : places.map((place) => labels[place] ?? '');
    submission.push([opaque, ...said]);
  });
  return {
    program: folder.grader ?? '',
    functionName: folder.settings.grader?.functionName ?? 'grade',
    answers: Buffer.from(csvText(answers)),
    submission: Buffer.from(csvText(submission)),
    seed: 1,
  };
}
