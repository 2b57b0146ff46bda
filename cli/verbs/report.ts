// `report`: a run as one page, or as the files of MLE-bench.

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { CliContext, PlaceFlags } from '../context.ts';
import { type MleBenchFlags, writeMleBench } from '../mle-bench-files.ts';
import { reportMarkdown } from '../report/markdown.ts';
import { reportPage } from '../report/page.ts';
import { gatherReport, runFolder } from '../run-end.ts';
import { chooseRun, outputFile, withCoordinator, withPlace } from '../verb.ts';

interface Flags extends PlaceFlags, MleBenchFlags {
  readonly mleBench?: boolean;
  readonly format: 'html' | 'md';
  readonly open?: boolean;
}

export function addReport(program: Command, cli: CliContext): void {
  const command = program
    .command('report')
    .description('a run as one self-contained page (the newest one unless named)')
    .argument('[run]', "run, or its id's unique beginning")
    .option(
      '-o, --output <file>',
      'where to write it; - for standard output (default: beside the state of the run)',
      outputFile,
    )
    .addOption(new Option('--format <format>', 'HTML or Markdown').choices(['html', 'md']).default('html'))
    .option('--open', 'open it afterwards')
    .option(
      '--mle-bench',
      'submission.csv, submissions.jsonl for `mlebench grade` and report.json; -o names a directory',
    )
    .option('--leaderboard <file>', "with --mle-bench: the competition's leaderboard, for medals and percentile")
    .option('--competition <id>', "with --mle-bench: the competition (default: the task's name)");
  withPlace(command).action(async (id: string | undefined, flags: Flags) => {
    await withCoordinator(cli, flags, async (coordinator, place) => {
      const run = await chooseRun(coordinator, id);
      if (flags.mleBench === true) {
        const { report, paths } = await writeMleBench(cli, coordinator, { run, flags, place });
        for (const path of paths) cli.stdout.write(`${path}\n`);
        for (const note of report.notes) cli.stderr.write(`${note}\n`);
        return;
      }
      const data = await gatherReport(cli, coordinator, run, await coordinator.listCandidates(run.runId));
      const text = flags.format === 'md' ? reportMarkdown(data) : reportPage(data);
      if (flags.output === '-') {
        cli.stdout.write(text);
        return;
      }
      const folder = runFolder(place.stateDirectory, run.runId);
      const path = flags.output === undefined ? join(folder, `report.${flags.format}`) : resolve(cli.cwd, flags.output);
      if (flags.output === undefined) mkdirSync(folder, { recursive: true, mode: 0o700 });
      writeFileSync(path, text);
      cli.stdout.write(`${path}\n`);
      if (flags.open === true) openFile(path, cli);
    });
  });
}

function openFile(path: string, cli: CliContext): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open';
  const child = spawn(program, [path], { detached: true, stdio: 'ignore' });
  child.once('error', () => cli.stderr.write(`There is no ${program} here; open the file yourself.\n`));
  child.unref();
}
