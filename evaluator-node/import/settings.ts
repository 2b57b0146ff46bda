// task.yaml: read and checked, every problem at once. The only door to yaml in this daemon.

import { type Document, parseDocument, stringify } from 'yaml';
import { z } from 'zod';
import { err, ok, type Result } from '../../shared/core/result.ts';
import { feedbackModes } from '../core/feedback.ts';
import { graderMetricName, graderPredictions } from '../core/grader-metric.ts';
import { findMetric } from '../core/metrics/registry.ts';
import { metricRemedy } from '../core/metrics/suggestion.ts';
import { splitStrategies } from '../core/splits.ts';
import type { TaskSettings } from '../core/task.ts';
import type { Problem } from './problem.ts';

export const settingsFile = 'task.yaml';

/** Names of tasks travel in file names and on command lines. */
const taskNamePattern = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** An image by its content; a tag could be another one tomorrow, or on another host. */
const imagePattern = /^sha256:[0-9a-f]{64}$/;

const text = z.coerce.string().trim().min(1);
const strategies = splitStrategies as readonly [string, ...string[]];

const schema = z.strictObject({
  name: z.string().regex(taskNamePattern, 'expected lower-case letters, digits and hyphens, at most 63'),
  title: text.optional(),
  metric: text.optional(),
  grader: z
    .strictObject({
      file: text,
      function: text.default('grade'),
      better: z.enum(['lower', 'higher']),
      perfect: z.number().optional(),
      predicts: z.enum(graderPredictions).optional(),
    })
    .transform(({ function: functionName, better, ...rest }) => ({
      ...rest,
      functionName,
      lowerIsBetter: better === 'lower',
    }))
    .optional(),
  target: z.preprocess(
    (given) => (Array.isArray(given) || given === undefined ? given : [given]),
    z.array(text).min(1),
  ),
  column_weights: z.record(z.string(), z.number().positive()).optional(),
  id: text.optional(),
  positive: text.optional(),
  files: z.array(text).default([]),
  tables: z.strictObject({ train: text.optional(), test: text.optional(), sample: text.optional() }).optional(),
  media: z
    .strictObject({ column: text, train: text, test: text.optional() })
    .transform(({ test, ...rest }) => ({ ...rest, test: test ?? rest.train }))
    .optional(),
  test_answers: text.optional(),
  split: z
    .strictObject({
      strategy: z.enum(strategies as [(typeof splitStrategies)[number]]).optional(),
      seed: z.number().int().default(1),
      group: text.optional(),
      time: text.optional(),
    })
    .prefault({}),
  feedback: z.enum(feedbackModes as unknown as [(typeof feedbackModes)[number]]).default('quantised'),
  queries: z
    .strictObject({ run: z.number().int().min(1).optional(), lineage: z.number().int().min(1).optional() })
    .optional(),
  refit: z.boolean().default(false),
  image: z
    .string()
    .regex(imagePattern, 'expected sha256: and 64 lower-case hex digits, as docker image inspect tells the Id')
    .optional(),
  source: text.default('not stated'),
  licence: text.default('not stated'),
  plausible: z.number().optional(),
});

/** Checks the text of task.yaml. */
export function readSettings(content: string): Result<TaskSettings, Problem[]> {
  const document = parseDocument(content);
  const syntax = document.errors.map((error) => ({
    file: settingsFile,
    line: error.linePos?.[0].line ?? 1,
    message: `not well-formed YAML: ${error.message.split('\n')[0] ?? ''}`,
    remedy: 'Mend the line',
  }));
  if (syntax.length > 0) return err(syntax);
  const value = plainValue(document);
  if (!value.ok)
    return err([{ file: settingsFile, message: value.error, remedy: 'Write it out without YAML aliases' }]);
  const parsed = schema.safeParse(value.value ?? {});
  const problems = parsed.success ? [] : parsed.error.issues.map(issueProblem);
  const metric = (value.value as { metric?: unknown } | null)?.metric;
  if (typeof metric === 'string' && findMetric(metric) === undefined) problems.push(unknownMetric(metric));
  if (!parsed.success || problems.length > 0) return err(problems);
  const { test_answers: testAnswers, title, target: targets, column_weights: columnWeights, ...rest } = parsed.data;
  const metricName = rest.metric ?? graderMetricName;
  const settings = { ...rest, metric: metricName, title: title ?? rest.name, targets, testAnswers, columnWeights };
  const incomplete = [...scoringProblems(rest), ...splitProblems(settings.split), ...targetProblems(targets)];
  return incomplete.length > 0 ? err(incomplete) : ok(withoutUndefined(settings) as TaskSettings);
}

/** The document as plain values; an error where its aliases would grow without bound. */
function plainValue(document: Document.Parsed): Result<unknown, string> {
  try {
    return ok(document.toJS());
  } catch (error) {
    return err(`not acceptable YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function withoutUndefined(settings: object): unknown {
  return JSON.parse(JSON.stringify(settings));
}

function issueProblem(issue: z.core.$ZodIssue): Problem {
  const key = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const message = `unknown ${issue.keys.length === 1 ? 'key' : 'keys'} ${issue.keys.join(', ')}`;
    const known = Object.keys(schema.shape).join(', ');
    return { file: settingsFile, message, remedy: `Remove or rename; known are ${known}` };
  }
  const missing = issue.code === 'invalid_type' && issue.message.includes('undefined');
  const message = missing ? `the key ${key} is missing` : `${key}: ${issue.message}`;
  const atInit = key === 'name' ? { atInit: { file: '--name', remedy: 'Give a name with --name' } } : {};
  return { file: settingsFile, message, remedy: missing ? 'Add it' : 'Correct the value', ...atInit };
}

/** An unknown metric, with the likeliest and the known ones. */
export function unknownMetric(name: string): Problem {
  return { file: settingsFile, message: `unknown metric ${JSON.stringify(name)}`, remedy: metricRemedy(name) };
}

function scoringProblems({ metric, grader }: { metric?: string | undefined; grader?: unknown }): Problem[] {
  if ((metric === undefined) !== (grader === undefined)) return [];
  const message =
    grader === undefined
      ? 'the key metric is missing'
      : 'there are both a metric and a grader, and a task is scored by one';
  const remedy = grader === undefined ? 'Add it, or a grader of your own' : 'Remove one of them';
  return [{ file: settingsFile, message, remedy }];
}

function targetProblems(targets: readonly string[]): Problem[] {
  const repeated = targets.find((target, index) => targets.indexOf(target) !== index);
  if (repeated === undefined) return [];
  const message = `target names the column ${JSON.stringify(repeated)} twice`;
  return [{ file: settingsFile, message, remedy: 'Name each column once', atInit: { file: '--target' } }];
}

function splitProblems(split: {
  strategy?: string | undefined;
  group?: string | undefined;
  time?: string | undefined;
}): Problem[] {
  if (split.strategy !== 'group' && split.strategy !== 'time') return [];
  if (split[split.strategy] !== undefined) return [];
  const message = `split.strategy is ${split.strategy} and split.${split.strategy} names no column`;
  return [
    { file: settingsFile, message, remedy: `Add split.${split.strategy} with the name of a column of train.csv` },
  ];
}

/** Any other YAML file of a task folder; undefined where it is not well-formed. */
export function readYaml(content: string): unknown {
  const document = parseDocument(content);
  if (document.errors.length > 0) return;
  const value = plainValue(document);
  return value.ok ? value.value : undefined;
}

/** The text of a new task.yaml. */
export function writeSettings(settings: Record<string, unknown>): string {
  return stringify(settings);
}
