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
import type { Input, Services } from '../../shared/rpc/definitions.ts';
import { failureReasonToWire, operatorToWire } from '../../shared/rpc/vocabulary-wire.ts';
import type { Brief, BriefParent } from '../core/brief.ts';
import type { Event } from '../core/event.ts';
import type { AttemptArtifacts, HostDescription, SlotDescription } from '../core/state.ts';

type AgentMethods = Services['doubleblind.agent.v1.AgentService'];

/** Longest texts that a host may put into the journal; a broken or hostile one must not fill it. */
const longestNote = 4096;
const longestMessage = 2000;
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
  const { address, bootId, version, draining, slots } = heartbeat;
  return { address, bootId, version, draining, slots: slots.slice(0, mostSlots).map(toSlot) };
}

function toSlot(slot: Heartbeat['slots'][number]): SlotDescription {
  const { kind, deviceName, deviceMemoryBytes, capacity, health, healthReason } = slot;
  return { slotId: slotId(slot.slotId), kind, deviceName, deviceMemoryBytes, capacity, health, healthReason };
}

/** The event behind what a host reported about an attempt. */
export function eventOfResult(result: ResultEvent): Event {
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
    usage,
    runSeconds,
    note: note.slice(0, longestNote),
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
