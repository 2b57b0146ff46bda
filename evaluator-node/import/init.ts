// `task init`: writes a task.yaml for a plain Kaggle folder, after a look at its columns; and a grade.py where one is asked for.

import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { findMetric } from '../core/metrics/registry.ts';
import { noDirectory, readFolder, type Unwritten } from './folder.ts';
import { findLayout, type TaskLayout } from './layout.ts';
import { guessMedia } from './media-guess.ts';
import { type NewGrader, newGrader } from './new-grader.ts';
import { planTask, type TaskPlan } from './plan.ts';
import { atInit, ImportError } from './problem.ts';
import { settingsFile, unknownMetric, writeSettings } from './settings.ts';
import { readTable, type Table } from './table.ts';

export interface InitRequest {
  readonly directory: string;
  /** Taken from the sample submission where absent: its columns besides the id. */
  readonly targets?: readonly string[];
  /** A metric's name, or a grader of the task's own. */
  readonly scoring: { readonly metric: string } | { readonly grader: string; readonly lowerIsBetter: boolean };
  readonly id?: string;
  readonly name?: string;
  /** The label that counts as 1, where two labels do not say. */
  readonly positive?: string;
  /** Checks all of it and writes nothing. */
  readonly dryRun?: boolean;
}

/** There is a task.yaml already. */
export class AlreadyInitialised extends Error {
  override readonly name = 'AlreadyInitialised';
}

export interface Initialised {
  readonly path: string;
  readonly plan: TaskPlan;
  readonly grader?: NewGrader;
}

/** Checks the folder and writes its task.yaml and its grader. Throws `ImportError` and leaves nothing where it would not import. */
export async function initTask(request: InitRequest): Promise<Initialised> {
  const isFolder = await stat(request.directory).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw new ImportError(request.directory, [noDirectory(request.directory)]);
  const path = join(request.directory, settingsFile);
  const exists = await stat(path).then(
    () => true,
    () => false,
  );
  if (exists) throw new AlreadyInitialised(`${path} is there already; edit it, or remove it first`);
  const { scoring } = request;
  if ('metric' in scoring && findMetric(scoring.metric) === undefined) {
    throw new ImportError(request.directory, [{ ...unknownMetric(scoring.metric), file: '--metric' }]);
  }
  const guessed = await guess(request);
  const grader = await graderOf(request, guessed);
  const yaml = settingsText(request, guessed, grader);
  const added = grader?.content === undefined ? new Map<string, Buffer>() : new Map([[grader.file, grader.content]]);
  const plan = await planOf(request.directory, { yaml, files: added });
  if (request.dryRun !== true)
    await writeAll(request.directory, new Map([...added, [settingsFile, Buffer.from(yaml)]]));
  return { path, plan, ...(grader === undefined ? {} : { grader }) };
}

/** All of them or none. 'wx': whoever wrote one in the meantime keeps it. */
async function writeAll(directory: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  const written: string[] = [];
  try {
    for (const [file, content] of files) {
      await writeFile(join(directory, file), content, { flag: 'wx' });
      written.push(file);
    }
  } catch (error) {
    for (const file of written) await rm(join(directory, file));
    throw error;
  }
}

async function graderOf({ scoring, directory }: InitRequest, guessed: Guess): Promise<NewGrader | undefined> {
  if ('metric' in scoring) return;
  const grader = await newGrader(scoring.grader, directory, guessed.targets, scoring.lowerIsBetter);
  if ('message' in grader) throw new ImportError(directory, [grader]);
  return grader;
}

async function planOf(directory: string, unwritten: Unwritten): Promise<TaskPlan> {
  const folder = await readFolder(directory, unwritten);
  if (!folder.ok) throw new ImportError(directory, atInit(folder.error));
  const plan = planTask(folder.value);
  if (Array.isArray(plan)) throw new ImportError(directory, atInit(plan));
  return plan as TaskPlan;
}

interface Guess {
  readonly name: string;
  readonly title?: string;
  readonly targets: readonly string[];
  readonly media?: Record<string, unknown>;
}

/** What the folder says of itself: MLE-bench's names of a competition, the columns to predict, and the files that rows name. */
async function guess(request: InitRequest): Promise<Guess> {
  const layout = await findLayout(request.directory);
  const { competition } = layout;
  const name = taskName(competition?.id ?? basename(resolve(request.directory)));
  const targets = request.targets ?? (await predicted(request, layout));
  const media = await guessMedia(request.directory, layout, request.id);
  const found = media === undefined ? {} : { media: { ...media } };
  return { name, targets, ...found, ...(competition === undefined ? {} : { title: competition.title }) };
}

/** The only column of the sample submission besides the id, or all of several that the training table has too. */
async function predicted(request: InitRequest, { sample, train }: TaskLayout): Promise<string[]> {
  const { columns } = await readNamed(request.directory, sample);
  const others = columns.filter((column) => column !== (request.id ?? columns[0]));
  if (others.length === 1) return others;
  const known = others.length === 0 ? [] : (await readNamed(request.directory, train)).columns;
  if (others.length > 0 && others.every((column) => known.includes(column))) return others;
  const message = `it has ${others.length} columns besides the id, so the target is not clear`;
  const remedy = 'Name the column of the training table to predict with --target';
  throw new ImportError(request.directory, [{ file: sample, line: 1, message, remedy }]);
}

async function readNamed(directory: string, file: string): Promise<Table> {
  const bytes = await readFile(join(directory, file)).catch(() => Buffer.alloc(0));
  const table = await readTable(file, bytes);
  if (!table.ok) throw new ImportError(directory, table.error);
  return table.value;
}

function settingsText(request: InitRequest, guessed: Guess, grader: NewGrader | undefined): string {
  const name = request.name ?? guessed.name;
  return writeSettings({
    name,
    title: guessed.title ?? name,
    ...scoringOf(request, grader),
    target: guessed.targets.length === 1 ? guessed.targets[0] : guessed.targets,
    ...(request.id === undefined ? {} : { id: request.id }),
    ...(request.positive === undefined ? {} : { positive: request.positive }),
    ...(guessed.media === undefined ? {} : { media: guessed.media }),
    files: [],
    split: { seed: 1 },
    feedback: 'quantised',
    refit: false,
    source: 'not stated',
    licence: 'not stated',
  });
}

function scoringOf({ scoring }: InitRequest, grader: NewGrader | undefined): Record<string, unknown> {
  if ('metric' in scoring) return { metric: scoring.metric };
  const { file = '', functionName = 'grade' } = grader ?? {};
  const named = functionName === 'grade' ? {} : { function: functionName };
  return { grader: { file, ...named, better: scoring.lowerIsBetter ? 'lower' : 'higher' } };
}

/** A directory's name as a task name. */
function taskName(directory: string): string {
  const name = directory
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63);
  return name === '' ? 'task' : name;
}
