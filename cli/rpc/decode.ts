// Wire messages → the shapes of core/model.ts. Wire types stop here.

import type * as agent from '../../proto/generated/doubleblind/agent/v1.ts';
import type { Usage as WireUsage } from '../../proto/generated/doubleblind/common/v1.ts';
import type * as wire from '../../proto/generated/doubleblind/coordinator/v1.ts';
import type * as evaluator from '../../proto/generated/doubleblind/evaluator/v1.ts';
import type { Timestamp } from '../../proto/generated/google/protobuf.ts';
import { noUsage, type Operator, type Usage } from '../../shared/core/vocabulary.ts';
import { failureReasonFromWire, operatorFromWire } from '../../shared/rpc/vocabulary-wire.ts';
import type {
  Artifacts,
  Candidate,
  CandidateState,
  Ensemble,
  Host,
  HostState,
  Run,
  RunEvent,
  RunOptions,
  RunState,
  Slot,
  Task,
  Verdict,
} from '../core/model.ts';

const noArtifacts: Artifacts = { solutionDigest: '', submissionDigest: '', logDigest: '', transcriptDigest: '' };

const runStates: Readonly<Record<wire.RunState, RunState>> = {
  RUN_STATE_UNSPECIFIED: 'unknown',
  RUN_STATE_RUNNING: 'running',
  RUN_STATE_PAUSED: 'paused',
  RUN_STATE_SEALING: 'sealing',
  RUN_STATE_SEALED: 'sealed',
  RUN_STATE_KILLED: 'killed',
};

const candidateStates: Readonly<Record<wire.CandidateState, CandidateState>> = {
  CANDIDATE_STATE_UNSPECIFIED: 'unknown',
  CANDIDATE_STATE_PLANNED: 'planned',
  CANDIDATE_STATE_RUNNING: 'running',
  CANDIDATE_STATE_EVALUATING: 'evaluating',
  CANDIDATE_STATE_SCORED: 'scored',
  CANDIDATE_STATE_FAILED: 'failed',
  CANDIDATE_STATE_QUARANTINED: 'quarantined',
  CANDIDATE_STATE_REFITTED: 'refitted',
};

const hostStates: Readonly<Record<wire.HostState, HostState>> = {
  HOST_STATE_UNSPECIFIED: 'unknown',
  HOST_STATE_READY: 'ready',
  HOST_STATE_CORDONED: 'cordoned',
  HOST_STATE_DRAINING: 'draining',
  HOST_STATE_DRAINED: 'drained',
  HOST_STATE_LOST: 'lost',
  HOST_STATE_QUARANTINED: 'quarantined',
};

const slotKinds: Readonly<Record<agent.SlotKind, Slot['kind']>> = {
  SLOT_KIND_UNSPECIFIED: 'unknown',
  SLOT_KIND_CPU: 'cpu',
  SLOT_KIND_GPU: 'gpu',
};

function time(stamp: Timestamp | null): string | null {
  if (stamp === null) return null;
  return new Date(stamp.seconds * 1000 + Math.floor(stamp.nanos / 1e6)).toISOString();
}

function usage(message: WireUsage | null): Usage {
  return message === null ? noUsage : { ...message };
}

function options(message: wire.RunOptions): RunOptions {
  const words: Operator[] = [];
  for (const name of message.operators) {
    const operator = operatorFromWire(name);
    if (operator !== undefined) words.push(operator);
  }
  return {
    candidates: message.candidates,
    wallSeconds: message.wallSeconds,
    dollars: message.dollars,
    tokens: message.tokens,
    slotHours: message.slotHours,
    parallelAttempts: message.parallelAttempts,
    seed: message.seed,
    model: message.model,
    temperature: message.temperature,
    crossoverProbability: message.crossoverProbability ?? null,
    draftProbability: message.draftProbability ?? null,
    limits: message.limits,
    guidance: message.guidance,
    finalists: message.finalists,
    operators: words,
    repair: message.repair ?? null,
  };
}

/** A task's public description; the wire's shape is the model's. */
export function decodeTask(message: Task): Task {
  return message;
}

function decodeEnsemble(message: evaluator.Ensemble): Ensemble {
  const { members, rule, searchScore, validationScore, validationStandardError } = message;
  const { probabilityBetter, selected, testScore = null } = message;
  return {
    ...{ members, rule, searchScore, validationScore, validationStandardError },
    ...{ probabilityBetter, selected, testScore },
  };
}

// Member by member: the loader adds one beside each optional score that says whether it is there.
function decodeVerdict(message: evaluator.Verdict): Verdict {
  const { runId, winnerId, intervalLow, intervalHigh, baselineValidationScore, baselineSearchScore } = message;
  const { baselineName, ledgerHead, metric, lowerIsBetter, validationRows, hasFinalSubmission } = message;
  const { finalScore = null, ensemble, searchWinnerId, searchWinnerValidationScore = null, notes } = message;
  return {
    ...{ runId, winnerId, intervalLow, intervalHigh, baselineValidationScore, baselineSearchScore },
    ...{ baselineName, ledgerHead, metric, lowerIsBetter, validationRows, hasFinalSubmission },
    ...{ finalScore, searchWinnerId, searchWinnerValidationScore, notes },
    ensemble: ensemble === null ? null : decodeEnsemble(ensemble),
    finalists: message.finalists.map((finalist) => ({
      candidateId: finalist.candidateId,
      searchScore: finalist.searchScore,
      validationScore: finalist.validationScore,
      validationStandardError: finalist.validationStandardError,
      probabilityBest: finalist.probabilityBest,
      testScore: finalist.testScore ?? null,
    })),
  };
}

export function decodeRun(message: wire.Run): Run {
  return {
    runId: message.runId,
    task: message.task,
    state: runStates[message.state] ?? 'unknown',
    endReason: message.endReason,
    options: message.options === null ? null : options(message.options),
    createdAt: time(message.createdAt),
    sealedAt: time(message.sealedAt),
    endedAt: time(message.endedAt),
    attemptsPlanned: message.attemptsPlanned,
    attemptsRunning: message.attemptsRunning,
    candidatesScored: message.candidatesScored,
    attemptsFailed: message.attemptsFailed,
    bestCandidateId: message.bestCandidateId,
    bestSearchScore: message.bestSearchScore,
    usage: usage(message.usage),
    verdict: message.verdict === null ? null : decodeVerdict(message.verdict),
    taskInfo: message.taskInfo,
    lastSequence: message.lastSequence,
    elapsedSeconds: message.elapsedSeconds,
    forkedFrom: message.forkedFrom,
    inheritedCandidates: message.inheritedCandidates,
    owner: message.owner,
    ownerQuota: message.ownerQuota,
    ownerAttemptsRunning: message.ownerAttemptsRunning,
  };
}

export function decodeCandidate(message: wire.Candidate): Candidate {
  return {
    candidateId: message.candidateId,
    runId: message.runId,
    number: message.number,
    operator: operatorFromWire(message.operator) ?? null,
    parentIds: message.parentIds,
    state: candidateStates[message.state] ?? 'unknown',
    searchScore: message.searchScore ?? null,
    standardError: message.standardError,
    failureReason: failureReasonFromWire(message.failureReason) ?? null,
    failureMessage: message.failureMessage,
    host: message.host,
    slotId: message.slotId,
    epoch: message.epoch,
    artifacts: message.artifacts === null ? noArtifacts : { ...message.artifacts },
    usage: usage(message.usage),
    runSeconds: message.runSeconds,
    note: message.note,
    plannedAt: time(message.plannedAt),
    startedAt: time(message.startedAt),
    endedAt: time(message.endedAt),
    wasBest: message.wasBest,
    duplicateOf: message.duplicateOf,
    duplicateBy: message.duplicateBy,
    inheritedFrom: message.inheritedFrom,
  };
}

export function decodeEvent(message: wire.WatchRunResponse): RunEvent {
  return {
    sequence: message.sequence,
    at: time(message.at),
    kind: message.kind,
    candidate: message.candidate === null ? null : decodeCandidate(message.candidate),
    run: message.run === null ? null : decodeRun(message.run),
  };
}

export function decodeHost(message: wire.Host): Host {
  return {
    host: message.host,
    address: message.address,
    state: hostStates[message.state] ?? 'unknown',
    reason: message.reason,
    since: time(message.since),
    slots: message.slots.map((slot) => ({ ...slot, kind: slotKinds[slot.kind] ?? 'unknown' })),
    version: message.version,
    heartbeatAgeSeconds: message.heartbeatAgeSeconds,
    by: message.by,
    drainSecondsLeft: message.drainSecondsLeft,
    largestSandboxCpus: message.largestSandboxCpus,
    largestSandboxMemoryBytes: message.largestSandboxMemoryBytes,
  };
}
