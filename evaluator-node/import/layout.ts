// Where the parts of a task lie: in a plain Kaggle folder, or in a competition that MLE-bench prepared.
//
// MLE-bench: `prepared/public` (what agents may see), `prepared/private` (answers), and a config.yaml that names the answers
// and the sample submission. Four competitions declare the sample submission under private/ (facts page); it is read for its
// columns and ids alone, and never copied, because the bundle's sample submission is written by us. `grader.name` is a label
// that is sometimes wrong, so no metric is taken from it: task.yaml names the metric.

import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, normalize, resolve, sep } from 'node:path';
import type { TaskSettings } from '../core/task.ts';
import { readYaml } from './settings.ts';
import { tableEndings } from './table.ts';

export interface TaskLayout {
  /** Folder of the public files, relative to the task's; empty where it is the same. */
  readonly publicFolder: string;
  /** Paths relative to the task's folder. */
  readonly train: string;
  readonly test: string;
  readonly sample: string;
  readonly description: string;
  readonly answers?: string;
  /** What MLE-bench says of the competition; absent for a plain folder. */
  readonly competition?: { readonly id: string; readonly title: string };
}

const publicFolder = 'prepared/public';
export const privateFolder = 'prepared/private';
const answerNames = ['answers', 'test', 'test_orders', 'inklabels_rle', 'test_labels', 'solution', 'labels'];
const sampleNames = ['sample_submission', 'sampleSubmission', 'sample_submission_null', 'sample'];

/** Finds the parts; a part that is not there gets the name that it should have. */
export async function findLayout(
  directory: string,
  settings?: Pick<TaskSettings, 'tables' | 'testAnswers'>,
): Promise<TaskLayout> {
  const prepared = await isDirectory(join(directory, publicFolder));
  const base = prepared ? publicFolder : '';
  const files = await namesIn(join(directory, base));
  const named = settings?.tables ?? {};
  const at = (name: string): string => (base === '' ? name : `${base}/${name}`);
  const plain = {
    publicFolder: base,
    train: at(named.train ?? found(files, ['train']) ?? 'train.csv'),
    test: at(named.test ?? found(files, ['test']) ?? 'test.csv'),
    sample: at(named.sample ?? found(files, sampleNames) ?? 'sample_submission.csv'),
    description: at('description.md'),
  };
  const answers = settings?.testAnswers;
  if (!prepared) return answers === undefined ? plain : { ...plain, answers };
  const competition = await readCompetition(directory);
  const hidden = await namesIn(join(directory, privateFolder));
  const guessed = found(hidden, answerNames);
  const declared = answers ?? competition.answers ?? (guessed && `${privateFolder}/${guessed}`);
  const sample = named.sample === undefined ? (competition.sample ?? plain.sample) : plain.sample;
  return {
    ...plain,
    sample,
    competition: { id: competition.id, title: competition.title },
    ...(declared === undefined ? {} : { answers: declared }),
  };
}

interface Competition {
  readonly id: string;
  readonly title: string;
  readonly answers?: string;
  readonly sample?: string;
}

/** What config.yaml declares, as paths inside the folder; what is not there is left out. */
async function readCompetition(directory: string): Promise<Competition> {
  const folder = basename(resolve(directory));
  const text = await readFile(join(directory, 'config.yaml'), 'utf8').catch(() => '');
  const config = recordOf(readYaml(text));
  const dataset = recordOf(config['dataset']);
  const id = typeof config['id'] === 'string' ? config['id'] : folder;
  const answers = await declaredPath(directory, id, dataset['answers']);
  const sample = await declaredPath(directory, id, dataset['sample_submission']);
  return {
    id,
    title: typeof config['name'] === 'string' ? config['name'] : id,
    ...(answers === undefined ? {} : { answers }),
    ...(sample === undefined ? {} : { sample }),
  };
}

/** Paths are relative to the root of all competitions: `<id>/prepared/private/test.csv`. */
async function declaredPath(directory: string, id: string, declared: unknown): Promise<string | undefined> {
  if (typeof declared !== 'string') return;
  const inside = declared.startsWith(`${id}/`) ? declared.slice(id.length + 1) : declared;
  const path = normalize(inside);
  if (path.startsWith('..') || path.startsWith(sep)) return;
  const there = await stat(join(directory, path)).then(
    (entry) => entry.isFile(),
    () => false,
  );
  return there ? path : undefined;
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** The first of these names that is there with the ending of a table. */
function found(files: readonly string[], names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const ending of tableEndings) if (files.includes(`${name}.${ending}`)) return `${name}.${ending}`;
  }
  return;
}

async function namesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
}
