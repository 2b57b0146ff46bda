// What host events do to the state. A lost host keeps its attempts until decide.ts has requeued each of them.

import type { HostName } from '../../shared/core/ids.ts';
import type { Command } from './command.ts';
import type { HostEvent } from './event.ts';
import { displace, place } from './schedule.ts';
import type { Attempt, Host, HostDescription, Slot, State } from './state.ts';

type Of<Kind extends HostEvent['kind']> = Extract<HostEvent, { kind: Kind }>;

export function joinHost(state: State, event: Of<'hostJoined'>, at: number): Command[] {
  const known = state.hosts.get(event.host);
  const host = known ?? newHost(event.host, event.description, at);
  state.hosts.set(event.host, host);
  state.lostHosts.delete(event.host);
  state.away.delete(event.host);
  host.lost = false;
  host.suspected = false;
  if (!isHeld(host)) host.reason = '';
  host.since = at;
  describe(state, host, event.description);
  return [];
}

function newHost(name: HostName, description: HostDescription, since: number): Host {
  return {
    name,
    description,
    slots: new Map(),
    attempts: new Set(),
    suspected: false,
    lost: false,
    cordoned: false,
    drain: undefined,
    reason: '',
    by: '',
    since,
  };
}

/** True where none of its slots can be used. */
export function isQuarantined({ slots }: HostDescription): boolean {
  return slots.length > 0 && slots.every(({ health }) => health === 'unusable');
}

export function changeHost(state: State, event: Of<'hostChanged'>, at: number): Command[] {
  const host = state.hosts.get(event.host);
  if (host === undefined) return [];
  const before = host.description;
  const after = event.description;
  // Of a host that an operator has taken out it stays the time of that.
  const isQuarantine = !isHeld(host) && isQuarantined(before) !== isQuarantined(after);
  if (before.draining !== after.draining || isQuarantine) host.since = at;
  describe(state, host, after);
  return [];
}

/** Takes a new description over; slots keep the attempts that they carry. */
function describe(state: State, host: Host, description: HostDescription): void {
  for (const slot of host.slots.values()) displace(state.freeSlots, slot);
  const loads = new Map<string, number>();
  for (const attemptId of host.attempts) {
    const slotId = state.attempts.get(attemptId)?.slotId ?? '';
    loads.set(slotId, (loads.get(slotId) ?? 0) + 1);
  }
  host.description = description;
  host.slots = new Map(
    description.slots.map((slot): [Slot['description']['slotId'], Slot] => [
      slot.slotId,
      { host: host.name, description: slot, load: loads.get(slot.slotId) ?? 0, bucket: -1 },
    ]),
  );
  placeAll(state, host);
}

function placeAll(state: State, host: Host): void {
  for (const slot of host.slots.values()) place(state.freeSlots, host, slot);
}

export function suspectHost(state: State, event: Of<'hostSuspected' | 'hostRecovered'>, at: number): Command[] {
  const host = state.hosts.get(event.host);
  if (host === undefined) return [];
  host.suspected = event.kind === 'hostSuspected';
  if (!isHeld(host)) host.reason = event.kind === 'hostSuspected' ? event.reason : '';
  host.since = at;
  placeAll(state, host);
  return [];
}

export function loseHost(state: State, event: Of<'hostLost'>, at: number): Command[] {
  const host = state.hosts.get(event.host);
  if (host === undefined) return [];
  host.lost = true;
  host.suspected = false;
  if (!isHeld(host)) host.reason = event.reason;
  host.since = at;
  if (host.attempts.size > 0) state.lostHosts.add(host.name);
  noteAway(state, host);
  placeAll(state, host);
  return [];
}

export function cordonHost(state: State, event: Of<'hostCordoned' | 'hostUncordoned'>, at: number): Command[] {
  const host = state.hosts.get(event.host);
  if (host === undefined) return [];
  host.cordoned = event.kind === 'hostCordoned';
  host.reason = event.kind === 'hostCordoned' ? event.reason : '';
  host.by = event.kind === 'hostCordoned' ? (event.by ?? '') : '';
  host.since = at;
  if (event.kind === 'hostUncordoned') {
    host.drain = undefined;
    state.draining.delete(host.name);
  }
  noteAway(state, host);
  placeAll(state, host);
  return [];
}

export function startDrain(state: State, event: Of<'hostDrainStarted'>, at: number): Command[] {
  const host = state.hosts.get(event.host);
  if (host === undefined) return [];
  // What admission compared with was the time of the newest event; never later all the same.
  const dueMs = Math.min(host.drain?.dueMs ?? Number.POSITIVE_INFINITY, state.clockMs + event.deadlineMs);
  host.drain = { dueMs, due: false };
  host.reason = event.reason;
  host.by = event.by;
  host.since = at;
  state.draining.add(host.name);
  noteAway(state, host);
  placeAll(state, host);
  return [];
}

/** What still runs is told to stop; its end, like every end by the host, has it wait for another lease. */
export function endDrain(state: State, event: Of<'hostDrainDue'>): Command[] {
  const host = state.hosts.get(event.host);
  if (host?.drain === undefined) return [];
  host.drain = { ...host.drain, due: true };
  state.draining.delete(host.name);
  return [...host.attempts].flatMap((attemptId) => {
    const attempt = state.attempts.get(attemptId);
    return attempt === undefined ? [] : drainCommand(host.name, attempt);
  });
}

/** True where the host is drained and the deadline is over: what it stops now it stops for that. */
export function isEmptied(state: Readonly<State>, host: HostName): boolean {
  return state.hosts.get(host)?.drain?.due === true;
}

/** What an operator holds back is not forgotten: the reason would be lost with it. */
function noteAway(state: State, host: Host): void {
  if (!host.lost || isHeld(host)) state.away.delete(host.name);
  else if (!state.away.has(host.name)) state.away.set(host.name, state.clockMs);
}

export function forgetHost(state: State, { host: name }: Of<'hostForgotten'>): Command[] {
  const host = state.hosts.get(name);
  if (host === undefined) return [];
  for (const slot of host.slots.values()) displace(state.freeSlots, slot);
  state.hosts.delete(name);
  state.away.delete(name);
  return [];
}

/** The command that ends an attempt for a drain. */
export function drainCommand(host: HostName, { runId, id: attemptId, epoch }: Attempt): Command[] {
  return [{ kind: 'cancelAttempt', runId, attemptId, epoch, host, reason: `host ${host} is drained` }];
}

/** True where an operator keeps work away, so that the reason is the operator's. */
export function isHeld(host: Host): boolean {
  return host.cordoned || host.drain !== undefined;
}
