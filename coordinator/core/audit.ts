// The state's invariants, checked from scratch. Tests ask after every event, production once a minute.

import { isHeld } from './host-steps.ts';
import { itemsOf } from './ordered-list.ts';
import type { Ranked } from './population.ts';
import { queriesUsed } from './queries.ts';
import { handedIn } from './refit.ts';
import { takesWork } from './schedule.ts';
import { pairKey } from './search.ts';
import type { Attempt, Host, Run, State } from './state.ts';
import { isLeased, openAttempts } from './state.ts';

/** Every broken invariant in words; empty where the state is sound. */
export function audit(state: State): string[] {
  const problems: string[] = [];
  for (const run of state.runs.values()) problems.push(...auditRun(state, run));
  for (const attempt of state.attempts.values()) problems.push(...auditAttempt(state, attempt));
  for (const host of state.hosts.values()) problems.push(...auditHost(state, host));
  const epochs = [...state.attempts.values()].map((attempt) => attempt.epoch).filter((epoch) => epoch > 0);
  if (new Set(epochs).size !== epochs.length) problems.push('two attempts have the same epoch');
  if (epochs.some((epoch) => epoch > state.epoch)) problems.push('an attempt has an epoch that was never given out');
  return problems;
}

function auditRun(state: State, run: Run): string[] {
  const attempts = run.attempts.flatMap((id) => state.attempts.get(id) ?? []);
  const count = (test: (attempt: Attempt) => boolean): number => attempts.filter(test).length;
  const is = (phase: Attempt['phase']) => (attempt: Attempt) => attempt.phase === phase;
  const checks: [boolean, string][] = [
    [attempts.length === run.attempts.length, 'lists an attempt that does not exist'],
    [attempts.every((attempt, index) => attempt.number === index + 1), 'has a gap in its numbers'],
    [run.waiting.length === count(is('planned')), 'waiting does not match the planned attempts'],
    [run.inFlight.size === count(isLeased), 'inFlight does not match the leased attempts'],
    [run.evaluating.size === count(is('evaluating')), 'evaluating does not match its attempts'],
    [
      run.population.ranked.length ===
        count((attempt) => attempt.phase === 'scored' && attempt.duplicate === undefined),
      'the population does not match the scored candidates',
    ],
    [run.duplicates === count((attempt) => attempt.duplicate !== undefined), 'the count of duplicates is wrong'],
    [
      run.repeats.every((id) => state.attempts.get(id)?.duplicate === undefined),
      'would decide twice that a candidate repeats another',
    ],
    [run.quarantined === count(is('quarantined')), 'the count of quarantined is wrong'],
    [run.failed === count(is('failed')), 'the count of failed is wrong'],
    [run.draftsPlanned === count((attempt) => attempt.operator === 'draft'), 'the count of drafts is wrong'],
    [isSorted(run), 'the population is not sorted'],
    [
      state.activeRuns.has(run.id) === (run.phase !== 'sealed' && run.phase !== 'killed'),
      'activeRuns is wrong about it',
    ],
    [(run.verdict !== undefined) === (run.phase === 'sealed'), 'has a verdict before its seal, or none after it'],
    [(run.endReason === undefined) === (run.phase === 'running' || run.phase === 'paused'), 'the end reason is wrong'],
    [run.phase !== 'sealing' || run.waiting.length === 0, 'is sealing and still plans'],
    [run.phase !== 'killed' || openAttempts(run) === 0, 'was killed and still has work'],
    [run.phase !== 'refitting' || run.refit !== undefined, 'refits without a verdict'],
    [refitsOnce(run, attempts), 'refits twice, or what is not handed in'],
    [
      run.spentBudget === undefined || run.waiting.length === 0 || run.phase === 'refitting',
      'has spent its budget and still plans',
    ],
    [samePairs(run, attempts), 'openPairs does not match the open crossovers'],
    [run.repairable.every((id) => state.attempts.get(id)?.phase === 'failed'), 'would repair what did not fail'],
    [repairsOnce(attempts), 'repairs a candidate twice'],
  ];
  return checks.filter(([holds]) => !holds).map(([, problem]) => `run ${run.id}: ${problem}`);
}

function isSorted(run: Run): boolean {
  const { ranked, lowerIsBetter } = run.population;
  let worse: Ranked | undefined;
  for (const candidate of itemsOf(ranked)) {
    if (worse !== undefined) {
      const gain = lowerIsBetter ? worse.value - candidate.value : candidate.value - worse.value;
      if (gain < 0 || (gain === 0 && worse.number <= candidate.number)) return false;
    }
    worse = candidate;
  }
  return true;
}

function refitsOnce({ refit }: Run, attempts: Attempt[]): boolean {
  const refitted = attempts.filter(({ operator }) => operator === 'refit').map(({ parents }) => parents[0] ?? '');
  const members = refit === undefined ? [] : handedIn(refit.verdict);
  return new Set(refitted).size === refitted.length && refitted.every((id) => members.includes(id));
}

function samePairs(run: Run, attempts: Attempt[]): boolean {
  const open = attempts.filter((attempt) => attempt.operator === 'crossover' && attempt.endedAt === undefined);
  const keys = open.map((attempt) => pairKey(attempt.parents));
  return new Set(keys).size === keys.length && keys.length === run.openPairs.size;
}

function repairsOnce(attempts: Attempt[]): boolean {
  // A fork may have inherited repairs without what they repaired.
  const mended = attempts.flatMap(({ operator, parents }) => (operator === 'repair' ? parents : []));
  return new Set(mended).size === mended.length;
}

function auditAttempt(state: State, attempt: Attempt): string[] {
  const host = attempt.host === undefined ? undefined : state.hosts.get(attempt.host);
  const ended =
    attempt.phase === 'scored' ||
    attempt.phase === 'quarantined' ||
    attempt.phase === 'failed' ||
    attempt.phase === 'refitted';
  const checks: [boolean, string][] = [
    [!isLeased(attempt) || host?.attempts.has(attempt.id) === true, 'is leased to a host that does not list it'],
    [(attempt.endedAt !== undefined) === ended, 'its end and its phase disagree'],
    [(attempt.failureReason !== undefined) === (attempt.phase === 'failed'), 'its failure and its phase disagree'],
    [attempt.phase !== 'scored' || attempt.score?.quarantined === false, 'is scored without a sound score'],
    [attempt.duplicate === undefined || attempt.phase === 'scored', 'repeats another and is not scored'],
    [queriesUsed(attempt) <= (state.runs.get(attempt.runId)?.options.scoreQueries ?? 0), 'asked for too many scores'],
    [attempt.phase !== 'evaluating' || attempt.artifacts.submission !== undefined, 'has nothing to evaluate'],
    [attempt.parents.every((id) => state.attempts.get(id)?.runId === attempt.runId), 'has a parent of another run'],
  ];
  return checks.filter(([holds]) => !holds).map(([, problem]) => `attempt ${attempt.id}: ${problem}`);
}

function auditHost(state: State, host: Host): string[] {
  const problems: string[] = [];
  for (const id of host.attempts) {
    const attempt = state.attempts.get(id);
    if (attempt === undefined || !isLeased(attempt) || attempt.host !== host.name) {
      problems.push(`host ${host.name}: lists ${id}, which it does not hold`);
    }
  }
  for (const slot of host.slots.values()) {
    const { slotId, capacity, health } = slot.description;
    const load = [...host.attempts].filter((id) => state.attempts.get(id)?.slotId === slotId).length;
    if (load !== slot.load)
      problems.push(`slot ${host.name}/${slotId}: carries ${load} attempts and counts ${slot.load}`);
    const free = takesWork(host) && health !== 'unusable' && load < capacity;
    if (free !== slot.bucket >= 0) problems.push(`slot ${host.name}/${slotId}: is in the wrong bucket`);
    if (slot.bucket >= 0 && !state.freeSlots.buckets[slot.bucket]?.has(slot)) {
      problems.push(`slot ${host.name}/${slotId}: is not in its bucket`);
    }
  }
  if (state.away.has(host.name) !== (host.lost && !isHeld(host))) {
    problems.push(`host ${host.name}: away is wrong about it`);
  }
  if (state.draining.has(host.name) !== (host.drain?.due === false)) {
    problems.push(`host ${host.name}: draining is wrong about it`);
  }
  if (state.lostHosts.has(host.name) !== (host.lost && host.attempts.size > 0)) {
    problems.push(`host ${host.name}: lostHosts is wrong about it`);
  }
  return problems;
}
