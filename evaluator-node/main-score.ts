// `score --metric NAME ANSWERS.csv SUBMISSION.csv`, `score --grader grade.py …`, `score --list`: the evaluator's scorer as a
// command.

import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageChain } from '../shared/core/message-chain.ts';
import { scoreWithError } from '../shared/core/score-text.ts';
import { endQuietlyWithoutReader } from '../shared/daemon/end-quietly.ts';
import { columnsText } from './core/metrics/columns-text.ts';
import { findMetric, listedMetrics, metricNames } from './core/metrics/registry.ts';
import { metricRemedy } from './core/metrics/suggestion.ts';
import { fileProblem } from './submission/readable-file.ts';
import { scoreFiles } from './submission/score-files.ts';

endQuietlyWithoutReader();

const usage = `usage: score --metric NAME ANSWERS.csv SUBMISSION.csv [--column-weights N,N…] [-o json|table]
       score --grader grade.py[:FUNCTION] ANSWERS.csv SUBMISSION.csv [--config FILE] [-o json|table]
       score --list [-o json|table]
metrics: ${metricNames.join(', ')}
`;

function fail(exitCode: number, message: string): never {
  process.stderr.write(message);
  process.exit(exitCode);
}

interface Arguments {
  readonly metric: string;
  /** A grader of the caller's own, in place of a metric. */
  readonly grader?: string;
  readonly config?: string;
  readonly answers: string;
  readonly submission: string;
  readonly output: string;
  readonly columnWeights?: readonly number[];
}

/** Prints every metric with its direction and columns, and ends. */
function list(output: string): never {
  const rows = listedMetrics.map((metric) => ({
    name: metric.name,
    direction: metric.lowerIsBetter ? 'lower' : 'higher',
    columns: columnsText(metric),
    title: metric.title,
  }));
  const line = (row: (typeof rows)[number]): string =>
    `${row.name.padEnd(24)}${row.direction.padEnd(8)}${row.columns.padEnd(36)}${row.title}\n`;
  const header = line({ name: 'METRIC', direction: 'BETTER', columns: 'COLUMNS', title: 'TITLE' });
  process.stdout.write(output === 'json' ? `${JSON.stringify(rows)}\n` : header + rows.map(line).join(''));
  process.exit(0);
}

function weightsOf(text: string): number[] {
  const weights = text.split(',').map(Number);
  if (weights.every((weight) => weight >= 0 && Number.isFinite(weight)) && weights.some((weight) => weight > 0)) {
    return weights;
  }
  throw new RangeError('--column-weights takes numbers of at least 0, such as 1,1,2');
}

function readArguments(): Arguments {
  const text = { type: 'string' } as const;
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        metric: text,
        grader: text,
        config: text,
        output: { ...text, short: 'o' },
        'column-weights': text,
        list: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) {
      process.stdout.write(usage);
      process.exit(0);
    }
    const [answers, submission, ...more] = positionals;
    const output = values.output ?? 'table';
    if (output !== 'json' && output !== 'table') throw new RangeError(`-o takes json or table, not ${output}`);
    if (values.list === true) list(output);
    if ((values.metric === undefined) === (values.grader === undefined)) {
      throw new RangeError('expected one of --metric and --grader');
    }
    if (answers === undefined || submission === undefined || more.length > 0)
      throw new RangeError('expected two files');
    const weights = values['column-weights'];
    const columnWeights = weights === undefined ? {} : { columnWeights: weightsOf(weights) };
    const grader = values.grader === undefined ? {} : { grader: values.grader };
    const config = values.config === undefined ? {} : { config: values.config };
    return { metric: values.metric ?? '', answers, submission, output, ...columnWeights, ...grader, ...config };
  } catch (error) {
    return fail(2, `${messageChain(error)}\n${usage}`);
  }
}

/** Scores by the evaluator's own metric; the text to print. */
async function byMetric({ metric, answers, submission, output, columnWeights }: Arguments): Promise<string> {
  if (findMetric(metric) === undefined) fail(2, `unknown metric ${metric}. ${metricRemedy(metric)}.\n`);
  const scored = await scoreFiles(metric, answers, submission, columnWeights);
  if (!scored.ok) return fail(1, `${scored.error}\n`);
  const { score, standardError, rows } = scored.value;
  const table = `${metric} ${scoreWithError(score, standardError)} over ${rows} rows\n`;
  return output === 'json' ? `${JSON.stringify(scored.value)}\n` : table;
}

/** Scores by a grader in a container, as the evaluator's configuration says; the text to print. */
async function byGrader(reference: string, { answers, submission, output, config }: Arguments): Promise<string> {
  // Loaded here, because a metric needs neither configuration nor containers and starts in a fraction of the time.
  const { systemClock } = await import('../shared/clock.ts');
  const { loadConfig } = await import('../shared/daemon/config.ts');
  const { configSchema } = await import('./config.ts');
  const { createDockerGrader } = await import('./grader/docker-grader.ts');
  const { gradeFiles, graderReference } = await import('./grader/grade-files.ts');
  const argv = config === undefined ? [] : ['--config', config];
  const { grader, docker } = loadConfig({ role: 'evaluator', schema: configSchema, argv, env: process.env });
  const directory = join(tmpdir(), `doubleblind-score-${process.pid}`);
  const installation = `score-${process.pid}`;
  const left = (id: string): void =>
    void process.stderr.write(`a container could not be removed; remove it by hand: docker rm -f ${id}\n`);
  const engine = { ...grader, socketPath: docker.socket, installation, directory, clock: systemClock, left };
  const graded = await gradeFiles(createDockerGrader(engine), graderReference(reference), answers, submission);
  if (!graded.ok) return fail(1, `${graded.error}\n`);
  const { score, standardError } = graded.value;
  const table = `${reference} ${scoreWithError(score, standardError ?? Number.NaN)}\n`;
  return output === 'json' ? `${JSON.stringify(graded.value)}\n` : table;
}

const given = readArguments();
try {
  const problem = fileProblem(given.answers) ?? fileProblem(given.submission);
  if (problem !== undefined) fail([given.answers, given.submission].every(existsSync) ? 1 : 3, `${problem}\n`);
  process.stdout.write(await (given.grader === undefined ? byMetric(given) : byGrader(given.grader, given)));
} catch (error) {
  fail(1, `${messageChain(error)}\n`);
}
