// What a journal says, without the shape of the state: fields may come and go between versions, these facts may not.

import type { StampedEvent } from '../../coordinator/core/event.ts';
import { itemsOf } from '../../coordinator/core/ordered-list.ts';
import { outstanding } from '../../coordinator/core/outstanding.ts';
import { newState } from '../../coordinator/core/state.ts';
import { step } from '../../coordinator/core/step.ts';

/** Folds events as they were written and tells what came of them. */
export function facts(events: readonly StampedEvent[]) {
  const state = newState();
  const commands: Record<string, number> = {};
  for (const event of events) {
    for (const { kind } of step(state, event)) commands[kind] = (commands[kind] ?? 0) + 1;
  }
  const attempts = [...state.attempts.values()];
  return {
    sequence: state.sequence,
    clockMs: state.clockMs,
    epoch: state.epoch,
    hosts: [...state.hosts.values()].map(({ name, lost, cordoned }) => ({ name, lost, cordoned })),
    commands,
    outstanding: outstanding(state).length,
    runs: [...state.runs.values()].map((run) => ({
      id: run.id,
      phase: run.phase,
      endReason: run.endReason,
      winner: run.verdict?.winnerId,
      rng: run.rng,
      attempts: attempts
        .filter(({ runId }) => runId === run.id)
        .map(({ id, phase, epoch, tries, score, failureReason }) =>
          [id, phase, epoch, tries, score?.value ?? failureReason ?? ''].join(' '),
        ),
      ranked: itemsOf(run.population.ranked).map(({ id }) => id),
    })),
  };
}
