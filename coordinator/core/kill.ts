// The end of a run at once: its attempts are written off here and told to stop, and nobody waits for them.
//
// An agent that the word does not reach stops by itself: the lease of such an attempt is renewed no more.
// A run whose verdict is there already (refit.ts) loses only its refit; every other one is sealed where that was asked for.

import { drop } from './attempt-steps.ts';
import type { Command } from './command.ts';
import type { RunEvent } from './event.ts';
import { stopClock } from './run-steps.ts';
import { sealCommand } from './sealing.ts';
import type { Run, State } from './state.ts';
import { openAttempts } from './state.ts';

type RunKilled = Extract<RunEvent, { kind: 'runKilled' }>;

const message = 'the run was killed';

/** True where a kill would change something; a killed run may still be sealed. */
export function mayKill(run: Run, seal: boolean): boolean {
  if (run.phase === 'refitting') return openAttempts(run) > 0 || run.refit?.cancelled === false;
  if (run.phase === 'sealing') return !seal || openAttempts(run) > 0;
  return run.phase === 'killed' ? seal : run.phase !== 'sealed';
}

export function killRun(state: State, { runId, seal }: RunKilled, at: number): Command[] {
  const run = state.runs.get(runId);
  if (run === undefined) return [];
  const commands = [...run.waiting, ...run.inFlight, ...run.evaluating].flatMap((attemptId) => {
    const attempt = state.attempts.get(attemptId);
    return attempt === undefined ? [] : drop(state, run, attempt, at, message);
  });
  if (run.refit !== undefined) {
    run.refit = { ...run.refit, cancelled: true };
    return commands;
  }
  stopClock(state, run);
  if (run.phase !== 'killed') run.killedAt = at;
  run.endReason = 'killed';
  run.phase = seal ? 'sealing' : 'killed';
  if (seal) state.activeRuns.add(run.id);
  else state.activeRuns.delete(run.id);
  return [...commands, ...sealCommand(run)];
}
