// How many attempts an owner's runs may have at once, all of them together. An owner is who created the runs, by certificate.
//
// Owns: who may have how many. Leaves to decide.ts which of the runs that still may goes first. The quotas come from the
// configuration by an event, so that a journal explains every decision. A quota that becomes smaller stops nothing that runs.

import { canonicalJson } from '../../shared/core/canonical-json.ts';
import type { Command } from './command.ts';
import type { Event } from './event.ts';
import type { Quotas, Run, State } from './state.ts';

const noQuotas: Quotas = { parallelAttempts: 0, owners: {} };

/** True where they differ from those in force. */
export function admitsQuotas({ quotas = noQuotas }: State, event: Extract<Event, { kind: 'quotasSet' }>): boolean {
  return canonicalJson(quotas) !== canonicalJson(event.quotas);
}

export function setQuotas(state: State, { quotas }: Extract<Event, { kind: 'quotasSet' }>): Command[] {
  state.quotas = quotas;
  return [];
}

/** Attempts that the run's owner may have at once; 0 means no limit. Runs of earlier versions have no owner and share no quota. */
export function quotaOf({ quotas = noQuotas }: Readonly<State>, { owner }: Run): number {
  if (owner === undefined) return 0;
  return Object.hasOwn(quotas.owners, owner) ? (quotas.owners[owner] ?? 0) : quotas.parallelAttempts;
}

/** Attempts that the runs of the run's owner have under a lease. */
export function ownersAttempts(state: Readonly<State>, { owner }: Run): number {
  let attempts = 0;
  for (const runId of state.activeRuns) {
    const run = state.runs.get(runId);
    if (run?.owner === owner) attempts += run?.inFlight.size ?? 0;
  }
  return attempts;
}

/** True where the run's owner may have one more. */
export function hasQuota(state: Readonly<State>, run: Run): boolean {
  const quota = quotaOf(state, run);
  return quota === 0 || ownersAttempts(state, run) < quota;
}

/** Of so many slots those that the run could ever use at once. */
export function slotsWithin(state: Readonly<State>, run: Run, slots: number): number {
  const quota = quotaOf(state, run);
  return quota === 0 ? slots : Math.min(slots, quota);
}
