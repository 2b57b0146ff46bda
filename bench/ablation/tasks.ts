// The tasks of the ablation: the packaged ones, and larger ones of real data that Debian's R packages bring, made when wanted.

import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { debianPython, program, pythonModule, requireDebian } from '../peers.ts';
import { resultPath } from '../results.ts';

export const packagedTasks = ['digits', 'birdstrikes', 'diamonds'] as const;
const largerTasks = ['letters', 'diamonds-whole'] as const;
export const taskNames = [...packagedTasks, ...largerTasks] as const;
export type TaskName = (typeof taskNames)[number];
type LargerTask = (typeof largerTasks)[number];

const root = join(import.meta.dirname, '..', '..');
const makers = join(root, 'tasks', 'make');

/** Where the data of a larger task come from: R code that writes them as CSV to the path in `out`. */
const sources: Readonly<Record<LargerTask, { readonly package: string; readonly code: string }>> = {
  letters: {
    package: 'r-cran-mlbench',
    code: 'library(mlbench); data(LetterRecognition); write.csv(LetterRecognition, out, row.names = FALSE)',
  },
  'diamonds-whole': { package: 'r-cran-ggplot2', code: 'write.csv(ggplot2::diamonds, out, row.names = FALSE)' },
};

/** The folder of a task, which is made first where it is a larger one; throws with the command to type where R is missing. */
export function taskFolder(name: TaskName): string {
  const larger = largerTasks.find((one) => one === name);
  if (larger === undefined) return join(root, 'tasks', name);
  const folder = resultPath(join('tasks', larger));
  if (!existsSync(join(folder, 'task.yaml'))) makeTask(larger, folder);
  return folder;
}

function makeTask(name: LargerTask, folder: string): void {
  const { package: source, code } = sources[name];
  const isThere = { package: source, probe: ['Rscript', '-e', `library(${source.replace('r-cran-', '')})`] };
  requireDebian([program('Rscript', 'r-base-core'), isThere, pythonModule('pandas', 'python3-pandas')]);
  process.stderr.write(`… making ${name} from ${source}\n`);
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  const csv = join(unfinished, 'source.csv');
  mustEndWell('Rscript', '-e', `out <- "${csv}"; ${code}`);
  mustEndWell(debianPython, join(makers, `${name.replace('-', '_')}.py`), csv, unfinished);
  rmSync(csv);
  for (const file of ['task.yaml', 'description.md']) copyFileSync(join(makers, name, file), join(unfinished, file));
  rmSync(folder, { recursive: true, force: true });
  renameSync(unfinished, folder);
}

function mustEndWell(command: string, ...words: string[]): void {
  const { status, stderr } = spawnSync(command, words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${stderr}`);
}
