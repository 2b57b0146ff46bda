// What happens when a run that somebody waited for has ended: its files are written, its closing words said, and the exit
// code chosen.

import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CliContext, type Place, printJson, versionOf } from './context.ts';
import { winnerOf } from './core/history.ts';
import type { Candidate, Run } from './core/model.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { modelsReader } from './models.ts';
import { reportMarkdown } from './report/markdown.ts';
import { reportPage } from './report/page.ts';
import type { ReportData, SourceFile } from './report/report-data.ts';
import { candidateTable, offlineText, verdictText } from './results-text.ts';
import type { Coordinator } from './rpc/coordinator.ts';

/** Where the files of a run went; undefined members are not there. */
interface RunFiles {
  readonly report: string;
  readonly solution: string | undefined;
  readonly submission: string | undefined;
}

/** A report shows programs, not data that was left beside them. */
const mostSourceBytes = 256 * 1024;

/** Where the files of a run go. */
export function runFolder(stateDirectory: string, runId: string): string {
  return join(stateDirectory, 'runs', runId);
}

/** Where report, program and submission of a run with a winner lie on this machine, or what brings them here; else empty. */
export function filesWords(run: Run, stateDirectory: string): string {
  if ((run.verdict?.winnerId ?? '') === '') return '';
  const folder = runFolder(stateDirectory, run.runId);
  if (existsSync(join(folder, 'solution'))) return folder;
  return `doubleblind watch ${run.runId} writes report, program and submission`;
}

/** Fetches what a report needs beyond the run and its candidates. */
export async function gatherReport(
  cli: CliContext,
  coordinator: Coordinator,
  run: Run,
  candidates: readonly Candidate[],
): Promise<ReportData> {
  return {
    run,
    candidates,
    winnerFiles: await winnerFiles(coordinator, run, candidates),
    ...(await modelsReader(coordinator)(run, candidates)),
    generatedAt: new Date().toISOString(),
    version: versionOf(cli.root),
  };
}

async function winnerFiles(
  coordinator: Coordinator,
  run: Run,
  candidates: readonly Candidate[],
): Promise<SourceFile[]> {
  const digest = winnerOf(run.verdict, candidates)?.artifacts.solutionDigest ?? '';
  if (digest === '') return [];
  const { readTree } = await import('../shared/store/tree.ts');
  const files = await readTree(await coordinator.artifact(digest));
  return files
    .filter((file) => file.bytes.length <= mostSourceBytes && !file.bytes.includes(0))
    .map((file) => ({ path: file.path, text: file.bytes.toString('utf8') }))
    .sort((left, right) => Number(right.path === 'main.py') - Number(left.path === 'main.py'));
}

/** Writes report, winner's solution and final submission into the state directory. */
async function writeRunFiles(coordinator: Coordinator, data: ReportData, stateDirectory: string): Promise<RunFiles> {
  const { run, candidates } = data;
  const folder = runFolder(stateDirectory, run.runId);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const report = join(folder, 'report.html');
  writeFileSync(report, reportPage(data));
  writeFileSync(join(folder, 'report.md'), reportMarkdown(data));
  const digest = winnerOf(run.verdict, candidates)?.artifacts.solutionDigest ?? '';
  const solution = digest === '' ? undefined : join(folder, 'solution');
  if (solution !== undefined) {
    // Ours to replace: an earlier report of the same run wrote the same files.
    rmSync(solution, { recursive: true, force: true });
    const { unpackTree } = await import('../shared/store/tree.ts');
    await unpackTree(await coordinator.artifact(digest), solution);
  }
  const submission = run.verdict?.hasFinalSubmission === true ? join(folder, 'submission.csv') : undefined;
  if (submission !== undefined) writeFileSync(submission, await coordinator.finalSubmission(run.runId));
  return { report, solution, submission };
}

/** Hands a run over to whoever saw its end: files, closing words, exit code. */
export async function handOver(
  cli: CliContext,
  { coordinator, place }: { readonly coordinator: Coordinator; readonly place: Pick<Place, 'stateDirectory'> },
  end: { readonly run: Run; readonly candidates: readonly Candidate[] },
  { output, verb }: { readonly output: 'table' | 'json'; readonly verb: 'run' | 'quickstart' },
): Promise<void> {
  const data = await gatherReport(cli, coordinator, end.run, end.candidates);
  printRunEnd(cli, data, await writeRunFiles(coordinator, data, place.stateDirectory), output);
  cli.exitCode = exitCodeOf(end.run, verb);
}

/** Prints the closing words, or the whole as JSON. */
function printRunEnd(cli: CliContext, data: ReportData, files: RunFiles, output: 'table' | 'json'): void {
  const { run, candidates } = data;
  if (output === 'json') {
    printJson(cli.stdout, { run, candidates, models: data.models, files });
    return;
  }
  const { style, columns } = cli.stdout;
  const paths = [
    ['Report', files.report],
    ['Program', files.solution],
    ['Submission', files.submission],
  ].filter((row): row is [string, string] => row[1] !== undefined);
  const blocks = [
    candidateTable(run, candidates, { limit: 10, failed: false, screen: cli.stdout }),
    verdictText(run, candidates, style, columns),
    offlineText(data, style, columns),
    paths.map(([name, path]) => `${style.bold(name.padEnd(10))}  ${path}`).join('\n'),
  ];
  cli.stdout.write(`\n${blocks.filter((block) => block !== '').join('\n\n')}\n`);
}

/**
 * The exit code of a run that somebody waited for. Reaching the wanted number of candidates is what was asked for. Time is
 * a plan of its own where no number was asked for, and always in the quick start; any other budget cut the run short.
 */
export function exitCodeOf(run: Run, verb: 'run' | 'quickstart'): ExitCode {
  if (run.endReason === 'killed') return exitCodes.failure;
  if (run.verdict === null || run.verdict.winnerId === '') return exitCodes.noValidCandidate;
  const wanted = (run.options?.candidates ?? 0) > 0;
  switch (run.endReason) {
    case 'wall-clock':
      return verb === 'quickstart' || !wanted ? exitCodes.ok : exitCodes.stoppedByBudget;
    case 'dollars':
    case 'tokens':
    case 'slot-hours':
    case 'score-queries':
      return exitCodes.stoppedByBudget;
    case 'cancelled':
      return exitCodes.failure;
    default:
      return exitCodes.ok;
  }
}
