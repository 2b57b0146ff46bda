// `export`: a run for other programs. It reads, and changes nothing of the run.

import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { type CliContext, type PlaceFlags, printJson } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { type Exported, toCsv, toJsonLines } from '../export/table.ts';
import { chooseRun, type OutputFlags, withCoordinator, withOutput, withPlace } from '../verb.ts';

const formats = ['csv', 'jsonl', 'mlflow', 'tensorboard'] as const;

interface Flags extends PlaceFlags, OutputFlags {
  readonly format: (typeof formats)[number];
  readonly to?: string;
  readonly experiment?: string;
  readonly tokenFile?: string;
}

export function addExport(program: Command, cli: CliContext): void {
  const command = program
    .command('export')
    .description('a run and its candidates for other programs (the newest run unless named)')
    .argument('[run]', "run, or its id's unique beginning")
    .addOption(
      new Option(
        '--format <format>',
        'csv and jsonl: files; mlflow: an MLflow server, one nested run a candidate; tensorboard: an event file',
      )
        .choices(formats)
        .default('csv'),
    )
    .option('--to <place>', 'file, or URL of the MLflow server (default: standard output, or MLFLOW_TRACKING_URI)')
    .option('--experiment <name>', "name of the MLflow experiment (default: the task's)")
    .option('--token-file <file>', 'file with a bearer token for the MLflow server');
  withOutput(withPlace(command)).action(async (id: string | undefined, flags: Flags) => {
    const data = await withCoordinator(cli, flags, async (coordinator) => {
      const run = await chooseRun(coordinator, id);
      return { run, candidates: await coordinator.listCandidates(run.runId) };
    });
    switch (flags.format) {
      case 'csv':
        write(cli, flags, toCsv(data));
        return;
      case 'jsonl':
        write(cli, flags, toJsonLines(data));
        return;
      case 'tensorboard': {
        const { toEventFile } = await import('../export/tensorboard.ts');
        if (flags.to === undefined)
          throw usage('An event file is no text: name a file with --to, such as logs/events.out.tfevents.1');
        write(cli, flags, toEventFile(data));
        return;
      }
      case 'mlflow':
        await toMlflow(cli, flags, data);
    }
  });
}

function usage(message: string): CliError {
  return new CliError(exitCodes.usage, message);
}

function write(cli: CliContext, flags: Flags, content: string | Buffer): void {
  if (flags.to === undefined || flags.to === '-') {
    cli.stdout.write(content.toString());
    return;
  }
  const path = resolve(cli.cwd, flags.to);
  writeFileSync(path, content);
  if (flags.output === 'json') printJson(cli.stdout, { file: path });
  else cli.stdout.write(`${path}\n`);
}

async function toMlflow(cli: CliContext, flags: Flags, data: Exported): Promise<void> {
  const url = flags.to ?? cli.env['MLFLOW_TRACKING_URI'] ?? '';
  if (!/^https?:\/\/[^/]/.test(url)) {
    throw usage(
      `${url === '' ? 'No MLflow server is named' : `${url} is no http or https URL`}; name it with --to http://HOST:5000`,
    );
  }
  const token =
    flags.tokenFile === undefined ? undefined : readFileSync(resolve(cli.cwd, flags.tokenFile), 'utf8').trim();
  const [{ httpTracking }, { exportToMlflow }] = await Promise.all([
    import('../export/http-tracking.ts'),
    import('../export/mlflow.ts'),
  ]);
  const tracking = httpTracking({ url, token, signal: cli.signal });
  const done = await exportToMlflow(tracking, data, flags.experiment ?? data.run.task);
  if (flags.output === 'json') {
    printJson(cli.stdout, { url, ...done });
    return;
  }
  const base = url.replace(/\/+$/, '');
  cli.stdout.write(`${base}/#/experiments/${done.experimentId}/runs/${done.runId}\n`);
  cli.stderr.write(`${done.created} candidates added, ${done.skipped} were there\n`);
}
