// Runs, candidates and hosts as the protocol shows them.
//
// Invariant: nothing of a verdict is on the wire before the run is sealed, because the state has none before.

import type { Input, Services } from '../../shared/rpc/definitions.ts';
import { timestampFromDate } from '../../shared/rpc/timestamp.ts';
import { failureReasonToWire, operatorToWire } from '../../shared/rpc/vocabulary-wire.ts';
import { elapsedMs } from '../core/budget.ts';
import { scoredCount } from '../core/duplicates.ts';
import { guidanceOf } from '../core/guidance.ts';
import { isQuarantined } from '../core/host-steps.ts';
import { best } from '../core/population.ts';
import { queriesUsed } from '../core/queries.ts';
import { ownersAttempts, quotaOf } from '../core/quotas.ts';
import type { Attempt, Host, Run, Slot, State } from '../core/state.ts';
import type { Verdict } from '../core/task.ts';

type SearchMethods = Services['doubleblind.coordinator.v1.SearchService'];
type FleetMethods = Services['doubleblind.coordinator.v1.FleetService'];
type WireRun = NonNullable<SearchMethods['getRun']['response']['run']>;
type WireCandidate = NonNullable<SearchMethods['getCandidate']['response']['candidate']>;
type WireVerdict = NonNullable<WireRun['verdict']>;
type WireHost = FleetMethods['listHosts']['response']['hosts'][number];

const runStates = {
  running: 'RUN_STATE_RUNNING',
  paused: 'RUN_STATE_PAUSED',
  sealing: 'RUN_STATE_SEALING',
  refitting: 'RUN_STATE_SEALING',
  sealed: 'RUN_STATE_SEALED',
  killed: 'RUN_STATE_KILLED',
} as const satisfies Record<Run['phase'], WireRun['state']>;

const candidateStates = {
  planned: 'CANDIDATE_STATE_PLANNED',
  leased: 'CANDIDATE_STATE_PLANNED',
  running: 'CANDIDATE_STATE_RUNNING',
  evaluating: 'CANDIDATE_STATE_EVALUATING',
  scored: 'CANDIDATE_STATE_SCORED',
  quarantined: 'CANDIDATE_STATE_QUARANTINED',
  failed: 'CANDIDATE_STATE_FAILED',
  refitted: 'CANDIDATE_STATE_REFITTED',
} as const satisfies Record<Attempt['phase'], WireCandidate['state']>;

/** A figure that does not exist is NaN on the wire; left out it would be read as 0. */
function verdictToWire(verdict: Verdict): Input<WireVerdict> {
  const figure = (value: number | null): number => value ?? Number.NaN;
  return {
    ...verdict,
    intervalLow: figure(verdict.intervalLow),
    intervalHigh: figure(verdict.intervalHigh),
    baselineValidationScore: figure(verdict.baselineValidationScore),
    baselineSearchScore: figure(verdict.baselineSearchScore),
    finalists: verdict.finalists.map((one) => ({ ...one, validationScore: figure(one.validationScore) })),
  };
}

/** A run. `brief` leaves the task's description out, which can be long and never changes. */
export function runToWire(
  run: Run,
  { state, clockMs }: { readonly state: Readonly<State>; readonly clockMs: number },
  detail: 'whole' | 'brief',
): Input<WireRun> {
  const { options, task } = run;
  const leader = best(run.population);
  return {
    runId: run.id,
    task: task.name,
    state: runStates[run.phase],
    endReason: run.endReason ?? '',
    options: { ...options, guidance: guidanceOf(run), operators: options.operators.map(operatorToWire) },
    createdAt: timestamp(run.createdAt),
    sealedAt: timestamp(run.sealedAt),
    endedAt: timestamp(run.killedAt ?? run.sealedAt),
    attemptsPlanned: run.attempts.length,
    attemptsRunning: run.inFlight.size,
    candidatesScored: scoredCount(run),
    attemptsFailed: run.failed,
    bestCandidateId: leader?.id ?? '',
    bestSearchScore: leader?.value ?? 0,
    usage: run.usage,
    verdict: run.verdict === undefined ? null : verdictToWire(run.verdict),
    taskInfo: detail === 'whole' ? task : { ...task, description: '' },
    lastSequence: run.lastSequence,
    elapsedSeconds: elapsedMs(run, clockMs) / 1000,
    forkedFrom: run.forked?.from ?? '',
    inheritedCandidates: run.forked?.candidates ?? 0,
    owner: run.owner ?? '',
    ownerQuota: quotaOf(state, run),
    ownerAttemptsRunning: ownersAttempts(state, run),
  };
}

/** A candidate with whatever is known of it. */
export function candidateToWire(attempt: Attempt): Input<WireCandidate> {
  const { artifacts, score } = attempt;
  return {
    candidateId: attempt.id,
    runId: attempt.runId,
    number: attempt.number,
    operator: operatorToWire(attempt.operator),
    parentIds: attempt.parents,
    state: candidateStates[attempt.phase],
    ...(score === undefined ? {} : { searchScore: score.value }),
    standardError: score?.standardError ?? 0,
    failureReason: failureReasonToWire(attempt.failureReason),
    failureMessage: attempt.failureMessage,
    host: attempt.host ?? '',
    slotId: attempt.slotId ?? '',
    epoch: attempt.epoch,
    artifacts: {
      solutionDigest: artifacts.solution ?? '',
      submissionDigest: artifacts.submission ?? '',
      logDigest: artifacts.log ?? '',
      transcriptDigest: artifacts.transcript ?? '',
    },
    usage: attempt.usage,
    runSeconds: attempt.runSeconds,
    note: attempt.note,
    plannedAt: timestamp(attempt.plannedAt),
    endedAt: timestamp(attempt.endedAt),
    startedAt: timestamp(attempt.startedAt),
    wasBest: attempt.wasBest,
    duplicateOf: attempt.duplicate?.of ?? '',
    duplicateBy: attempt.duplicate?.by ?? '',
    inheritedFrom: attempt.inheritedFrom ?? '',
    scoreQueriesUsed: queriesUsed(attempt),
  };
}

/** What is known of a host beside the state. */
interface Heard {
  readonly heartbeatAgeMs: number | undefined;
  /** The address of another daemon that goes by its name. */
  readonly rival: string | undefined;
}

/** A host with its slots and what runs on them. */
export function hostToWire(state: Readonly<State>, host: Host, { heartbeatAgeMs, rival }: Heard): Input<WireHost> {
  return {
    host: host.name,
    address: host.description.address,
    state: hostState(host),
    reason: hostReason(host, rival),
    since: timestamp(host.since),
    slots: [...host.slots.values()].map((slot) => slotToWire(state, host, slot)),
    version: host.description.version,
    heartbeatAgeSeconds: (heartbeatAgeMs ?? 0) / 1000,
    by: byWhom(host),
    drainSecondsLeft: host.drain?.due === false ? Math.max(0, host.drain.dueMs - state.clockMs) / 1000 : 0,
    largestSandboxCpus: host.description.largestSandbox?.cpus ?? 0,
    largestSandboxMemoryBytes: host.description.largestSandbox?.memoryBytes ?? 0,
  };
}

/** Its agent drains it by itself, as on SIGTERM. */
function leaves(host: Host): boolean {
  return !host.lost && host.drain === undefined && host.description.draining;
}

/** An operator, or the daemon that noticed it; empty where nothing is the matter. */
function byWhom(host: Host): string {
  if (host.by !== '') return host.by;
  if (host.lost || host.suspected) return 'coordinator';
  return leaves(host) || hostState(host) === 'HOST_STATE_QUARANTINED' ? 'gpu-agent' : '';
}

/** Why it is as it is, and what else an operator must know of it. */
function hostReason(host: Host, rival: string | undefined): string {
  const reasons = [
    host.reason,
    leaves(host) ? 'its agent was told to stop' : '',
    ...(hostState(host) === 'HOST_STATE_QUARANTINED'
      ? [...host.slots.values()].map(({ description }) => description.healthReason)
      : []),
    rival === undefined ? '' : `another daemon goes by its name at ${rival} and is ignored`,
  ];
  return [...new Set(reasons)].filter((reason) => reason !== '').join('; ');
}

function hostState(host: Host): WireHost['state'] {
  if (host.lost) return 'HOST_STATE_LOST';
  if (host.description.draining || host.drain !== undefined)
    return host.attempts.size > 0 ? 'HOST_STATE_DRAINING' : 'HOST_STATE_DRAINED';
  if (host.cordoned) return 'HOST_STATE_CORDONED';
  return isQuarantined(host.description) ? 'HOST_STATE_QUARANTINED' : 'HOST_STATE_READY';
}

function slotToWire(state: Readonly<State>, host: Host, { description }: Slot): Input<WireHost['slots'][number]> {
  const attempts = [...host.attempts].flatMap((id) => {
    const attempt = state.attempts.get(id);
    if (attempt?.slotId !== description.slotId) return [];
    return [{ runId: attempt.runId, attemptId: id, epoch: attempt.epoch }];
  });
  return { ...description, kind: description.kind === 'gpu' ? 'SLOT_KIND_GPU' : 'SLOT_KIND_CPU', attempts };
}

function timestamp(milliseconds: number | undefined) {
  return timestampFromDate(milliseconds === undefined ? undefined : new Date(milliseconds));
}
