// Which task version a call is about.

import { EvaluatorFault } from '../core/evaluator-fault.ts';
import type { StoredTask } from '../core/task.ts';
import type { Vault } from './vault.ts';

/** The task of a reference, or a fault that says what to do. */
export function taskFor(vault: Vault, reference: string): StoredTask {
  const task = vault.findTask(reference);
  if (task !== undefined) return task;
  const message = `there is no task ${JSON.stringify(reference)}; \`doubleblind task ls\` lists those that were imported`;
  throw new EvaluatorFault('notFound', 'taskUnknown', message);
}

/** The version that a run is bound to; the task's current one where it is bound to none. */
export function taskOfRun(vault: Vault, runId: string, reference: string): StoredTask {
  const task = taskFor(vault, reference);
  const bound = vault.runs.find(runId);
  if (bound === undefined || reference.includes('@')) return task;
  const boundTask = vault.taskOfVersion(bound.version);
  // A plain name means the version that the run began with, even if a newer one was imported since.
  return boundTask?.description.name === task.description.name ? boundTask : task;
}
