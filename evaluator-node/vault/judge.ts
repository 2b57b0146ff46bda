// The judge: all that needs the labels of validation and official test rows, which is the choice of a seal and the bundle of a
// last execution. Nobody else opens those labels, and nobody who judges scores submissions.

import type { Grader } from '../grader/grader.ts';
import { type Choice, chooseAmong, type Finalist } from './choice.ts';
import { chooseByGrader } from './graded-choice.ts';
import { createTaskLoader, type LoadedTask } from './scoring.ts';
import type { HiddenRows, Vault } from './vault.ts';

export interface Judge {
  /** Throws a LabelKeyError where the keys do not open the labels. */
  check(): Promise<void>;
  /** Judges the finalists of a run, who are given best search score first, by the validation rows. */
  choose(version: string, runId: string, finalists: readonly Finalist[]): Promise<Choice>;
  /** The bundle with all labels, as a tar. */
  refitBundle(version: string): Promise<Buffer>;
}

/** Makes the bundle of the last execution out of the public one and the labels. */
export type BuildRefitBundle = (
  tar: Buffer,
  task: LoadedTask['task']['description'],
  hidden: HiddenRows,
) => Promise<Buffer>;

export interface JudgeParts {
  /** Opened with all splits. */
  readonly vault: Vault;
  readonly grader: Grader;
  readonly buildRefitBundle: BuildRefitBundle;
}

/** A judge in this process. */
export function createJudge({ vault, grader, buildRefitBundle }: JudgeParts): Judge {
  const load = createTaskLoader(vault);
  const loaded = (version: string): LoadedTask => {
    const task = vault.taskOfVersion(version);
    if (task === undefined) throw new Error(`the vault has no task version ${version}`);
    return load(task);
  };
  return {
    check: async () => vault.checkKeys(),
    async choose(version, runId, finalists) {
      const task = loaded(version);
      return task.graderProgram === undefined
        ? chooseAmong(task, vault, runId, finalists)
        : await chooseByGrader({ vault, grader }, task, runId, finalists);
    },
    async refitBundle(version) {
      const { task, hidden } = loaded(version);
      const chunks: Buffer[] = [];
      for await (const chunk of vault.readBundle(task.bundleDigest, 1024 * 1024)) chunks.push(chunk);
      return await buildRefitBundle(Buffer.concat(chunks), task.description, hidden);
    },
  };
}
