// The state as plain data, for its hash. Caches (free slots, prefix sums, indexes) are left out: they follow from the rest.

import { sorted } from './order.ts';
import { itemsOf } from './ordered-list.ts';
import type { Host, Run, State } from './state.ts';

/** Plain data that is equal exactly where two states are. */
export function snapshot(state: State): unknown {
  return {
    sequence: state.sequence,
    clockMs: state.clockMs,
    epoch: state.epoch,
    ...(state.quotas === undefined ? {} : { quotas: state.quotas }),
    runs: [...state.runs.values()].map(plainRun),
    attempts: [...state.attempts.values()],
    hosts: [...state.hosts.values()].map(plainHost),
    ...(state.away.size === 0 ? {} : { away: [...state.away] }),
  };
}

function plainRun({ firstOf: _firstOf, ...run }: Run): unknown {
  return {
    ...run,
    inFlight: sorted(run.inFlight),
    evaluating: sorted(run.evaluating),
    openPairs: sorted(run.openPairs),
    population: itemsOf(run.population.ranked),
  };
}

function plainHost(host: Host): unknown {
  const slots = [...host.slots.values()].map((slot) => ({ slotId: slot.description.slotId, load: slot.load }));
  return { ...host, slots, attempts: sorted(host.attempts) };
}
