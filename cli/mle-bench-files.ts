// The files that MLE-bench takes and gives, written for one run: submission.csv, submissions.jsonl for `mlebench grade`,
// and report.json.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CliContext, Place } from './context.ts';
import { type Leaderboard, readLeaderboard } from './core/leaderboard.ts';
import type { Run } from './core/model.ts';
import { CliError, exitCodes } from './exit-codes.ts';
import { type MleBenchReport, mleBenchReport } from './report/mle-bench.ts';
import type { Coordinator } from './rpc/coordinator.ts';

export interface MleBenchFlags {
  readonly output?: string;
  readonly leaderboard?: string;
  readonly competition?: string;
}

/** Writes them and gives the report with the paths of the other files. */
export async function writeMleBench(
  cli: CliContext,
  coordinator: Coordinator,
  { run, flags, place }: { readonly run: Run; readonly flags: MleBenchFlags; readonly place: Place },
): Promise<{ readonly report: MleBenchReport; readonly paths: readonly string[] }> {
  if (run.state !== 'sealed') {
    throw new CliError(exitCodes.precondition, `Run ${run.runId} is ${run.state}; only a sealed run has a submission.`);
  }
  const leaderboard = flags.leaderboard === undefined ? undefined : boardFrom(cli, flags.leaderboard);
  const folder =
    flags.output === undefined
      ? join(place.stateDirectory, 'runs', run.runId, 'mle-bench')
      : resolve(cli.cwd, flags.output);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const submission = join(folder, 'submission.csv');
  const report = mleBenchReport({
    run,
    candidates: await coordinator.listCandidates(run.runId),
    // A task may be pinned to a version; the competition has the plain name.
    competitionId: flags.competition ?? run.task.split('@')[0] ?? run.task,
    submissionPath: submission,
    createdAt: new Date().toISOString(),
    leaderboard,
  });
  const paths = [join(folder, 'report.json')];
  writeFileSync(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`);
  if (report.submission_exists) {
    writeFileSync(submission, await coordinator.finalSubmission(run.runId));
    const lines = join(folder, 'submissions.jsonl');
    const line = { competition_id: report.competition_id, submission_path: submission };
    writeFileSync(lines, `${JSON.stringify(line)}\n`);
    paths.push(submission, lines);
  }
  return { report, paths };
}

function boardFrom(cli: CliContext, file: string): Leaderboard {
  const board = readLeaderboard(readFileSync(resolve(cli.cwd, file), 'utf8'));
  if (typeof board !== 'string') return board;
  throw new CliError(exitCodes.precondition, `The leaderboard ${file} cannot be used: ${board}.`);
}
