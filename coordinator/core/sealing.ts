// When a run has come to rest, and who goes to the evaluator's final choice.

import type { Command } from './command.ts';
import { top } from './population.ts';
import type { Run } from './state.ts';
import { openAttempts } from './state.ts';
import { pinnedName } from './task.ts';

/** The command that asks for the verdict, once nothing of a sealing run is open any more, and every repeat is known for one. */
export function sealCommand(run: Run): Command[] {
  if (run.phase !== 'sealing' || openAttempts(run) > 0 || run.repeats.length > 0) return [];
  const finalists = top(run.population, run.options.finalists).map((candidate) => candidate.id);
  return [{ kind: 'sealRun', runId: run.id, task: pinnedName(run.task), finalists }];
}
