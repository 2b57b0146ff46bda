// Between the core's words and what agents send and take: heartbeats, descriptions, result events, start orders.

import type { Heartbeat, ResultEvent } from '../../shared/bus/messages.ts';
import {
  type AttemptId,
  attemptId,
  type Digest,
  digest,
  type HostName,
  hostName,
  type RunId,
  runId,
  type SlotId,
  slotId,
} from '../../shared/core/ids.ts';
import type { Usage } from '../../shared/core/vocabulary.ts';
import type { Input, Services } from '../../shared/rpc/definitions.ts';
import { failureReasonToWire, operatorToWire } from '../../shared/rpc/vocabulary-wire.ts';
import type { Brief, BriefParent } from '../core/brief.ts';
import type { Event } from '../core/event.ts';
import type { AttemptArtifacts, HostDescription, SlotDescription } from '../core/state.ts';
import type { Limits } from '../core/task.ts';

type AgentMethods = Services['doubleblind.agent.v1.AgentService'];

/** Longest texts that a host may put into the journal; a broken or hostile one must not fill it. */
const longestNote = 4096;
const longestMessage = 2000;
const longestLabel = 300;
const mostSlots = 64;

/** What an attempt is to be started with. */
export interface StartOrder {
  readonly runId: RunId;
  readonly attemptId: AttemptId;
  readonly epoch: number;
  readonly host: HostName;
  readonly slotId: SlotId;
  readonly leaseTtlMs: number;
  readonly token: string;
  readonly brief: Brief;
}

export function toStartRequest(order: StartOrder): Input<AgentMethods['startAttempt']['request']> {
  const { runId: run, attemptId: attempt, epoch, brief } = order;
  return {
    attempt: { runId: run, attemptId: attempt, epoch },
    slotId: order.slotId,
    leaseTtlMs: order.leaseTtlMs,
    operator: operatorToWire(brief.operator),
    task: brief.task,
    parents: brief.parents.map(toParent),
    notes: brief.notes.map(({ operator, ...note }) => ({ ...note, operator: operatorToWire(operator) })),
    limits: brief.limits,
    seed: brief.seed,
    runSeed: brief.runSeed,
    draftNumber: brief.draftNumber,
    siblingNumber: brief.siblingNumber,
    rankBeforeRun: brief.rankBeforeRun,
    scoreQueries: brief.scoreQueries,
    gatewayToken: order.token,
    model: brief.model,
    guidance: brief.guidance,
    guidanceAdded: brief.guidanceAdded,
    answerIsStart: true,
  };
}

function toParent(parent: BriefParent) {
  return {
    candidateId: parent.candidateId,
    solutionDigest: parent.solution ?? '',
    logDigest: parent.log ?? '',
    score: parent.score,
    runSeconds: parent.runSeconds,
    note: parent.note,
    failureReason: failureReasonToWire(parent.failureReason),
    failureMessage: parent.failureMessage,
    operator: operatorToWire(parent.operator),
  };
}

/** The host as its heartbeat describes it. */
export function descriptionOfHeartbeat(heartbeat: Heartbeat): HostDescription {
  const { address, bootId, version, draining, largestSandbox, slots } = heartbeat;
  return {
    ...{ address: label(address), bootId: label(bootId), version: label(version), draining },
    ...(largestSandbox && { largestSandbox }),
    slots: slots.slice(0, mostSlots).map(toSlot),
  };
}

function label(text: string): string {
  return text.slice(0, longestLabel);
}

function toSlot(slot: Heartbeat['slots'][number]): SlotDescription {
  const { kind, deviceName, deviceMemoryBytes, capacity, health, healthReason } = slot;
  return {
    ...{ slotId: slotId(slot.slotId), kind, deviceName: label(deviceName), deviceMemoryBytes, capacity, health },
    healthReason: label(healthReason),
  };
}

/** The most that is believed of figures that no limit of a run bounds. A sum of them over all attempts there can be is a number still. */
const most = { seconds: 30 * 86_400, bytes: 2 ** 50, turns: 1_000_000, tokens: 10_000_000_000, dollars: 10_000 };
/** An attempt overstays its limits by the end of a container, its last answer, and clocks; not by a factor of two. */
const overstay = { factor: 2, seconds: 600, tokens: 20_000 };

/** What a host says that an attempt used, no more than one could have: a lie would end the budgets of a whole run. */
function believed(usage: Usage, limits: Partial<Limits>): Usage {
  const { trajectorySeconds = 0, executionSeconds = 0, tokens = 0 } = limits;
  const isBounded = trajectorySeconds > 0 && executionSeconds > 0;
  const seconds = isBounded
    ? overstay.factor * (trajectorySeconds + executionSeconds) + overstay.seconds
    : most.seconds;
  const written = tokens > 0 ? overstay.factor * tokens + overstay.tokens : most.tokens;
  return {
    wallSeconds: Math.min(usage.wallSeconds, seconds),
    slotSeconds: Math.min(usage.slotSeconds, seconds),
    cpuSeconds: Math.min(usage.cpuSeconds, 1024 * most.seconds),
    peakMemoryBytes: Math.min(usage.peakMemoryBytes, most.bytes),
    turns: Math.min(usage.turns, most.turns),
    inputTokens: Math.min(usage.inputTokens, most.tokens),
    outputTokens: Math.min(usage.outputTokens, written),
    dollars: Math.min(usage.dollars, most.dollars),
  };
}

/** The event behind what a host, which may be one that is being emptied, reported about an attempt of a run with these limits. */
export function eventOfResult(result: ResultEvent, limits: Partial<Limits> = {}, isEmptied = false): Event {
  const about = {
    runId: runId(result.runId),
    attemptId: attemptId(result.attemptId),
    epoch: result.epoch,
    host: hostName(result.host),
  };
  if (result.kind === 'attemptStarted') return { kind: 'attemptStarted', ...about };
  const { failureReason, failureMessage, artifacts, codeDigest, usage, runSeconds, note } = result.body;
  return {
    kind: 'attemptEnded',
    ...about,
    ...(failureReason === undefined ? {} : { failureReason }),
    ...(failureMessage === undefined ? {} : { failureMessage: failureMessage.slice(0, longestMessage) }),
    artifacts: toArtifacts(artifacts),
    ...(codeDigest === undefined ? {} : { codeDigest: digest(codeDigest) }),
    usage: believed(usage, limits),
    runSeconds: Math.min(runSeconds, most.seconds),
    note: note.slice(0, longestNote),
    ...(isEmptied && failureReason === 'cancelled' ? { drained: true } : {}),
  };
}

function toArtifacts(artifacts: Readonly<Record<string, string | undefined>>): AttemptArtifacts {
  const named = (name: string): Digest | undefined => {
    const text = artifacts[name];
    return text === undefined ? undefined : digest(text);
  };
  return {
    solution: named('solution'),
    submission: named('submission'),
    log: named('log'),
    transcript: named('transcript'),
  };
}
