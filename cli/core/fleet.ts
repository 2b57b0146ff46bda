// The fleet at one moment as lines, like nvtop for GPUs: hosts, slots, who holds them, and how busy they were lately.

import { label } from './history.ts';
import type { Candidate, Host, Run, Slot } from './model.ts';
import type { Paint } from './progress.ts';
import { duration, percent, plural, score } from './quantity.ts';
import { oneLine } from './text.ts';

export interface FleetMoment {
  readonly hosts: readonly Host[];
  /** Runs that have not ended. */
  readonly runs: readonly Run[];
  /** What runs, by attempt, as far as it is known. */
  readonly candidates: ReadonlyMap<string, Candidate>;
  /** Shares of the places that were taken at earlier looks, oldest first. */
  readonly history: readonly number[];
  /** Now, as milliseconds since 1970. */
  readonly atMs: number;
}

export interface Load {
  /** Attempts under a lease. */
  readonly busy: number;
  /** Attempts that could be. */
  readonly places: number;
  /** busy / places; 0 where there are none. */
  readonly share: number;
}

/** Places of hosts that are lost do not count: nothing can run there. */
export function loadOf(hosts: readonly Host[]): Load {
  const slots = hosts.filter((host) => host.state !== 'lost').flatMap((host) => host.slots);
  const busy = slots.reduce((sum, slot) => sum + slot.attempts.length, 0);
  const places = slots.reduce((sum, slot) => sum + slot.capacity, 0);
  return { busy, places, share: places === 0 ? 0 : busy / places };
}

const bars = '▁▂▃▄▅▆▇█';
const longestHistory = 40;

/** The picture; no line feeds inside a line. */
export function fleetLines(moment: FleetMoment, paint: Paint): string[] {
  const { hosts, runs, history } = moment;
  const { busy, places, share } = loadOf(hosts);
  const curve = history
    .slice(-longestHistory)
    .map((one) => bars[Math.min(bars.length - 1, Math.floor(one * bars.length))])
    .join('');
  const mean =
    history.length < 2 ? '' : `, ${percent(history.reduce((sum, one) => sum + one, 0) / history.length)} on average`;
  const states = [...new Set(hosts.map((host) => host.state))].map(
    (state) => `${hosts.filter((host) => host.state === state).length} ${state}`,
  );
  return [
    `${paint.bold(plural(hosts.length, 'host'))} (${states.join(', ')}) · ${busy} of ${plural(places, 'place')} busy, ${percent(share)} now${mean}  ${paint.accent(curve)}`.trimEnd(),
    ...hosts.flatMap((host) => hostLines(host, moment, paint)),
    '',
    ...(runs.length === 0 ? [paint.dim('no run is under way')] : runs.map((run) => runLine(run, moment, paint))),
  ];
}

function hostLines(host: Host, moment: FleetMoment, paint: Paint): string[] {
  const { busy, places } = loadOf([host]);
  const tint = host.state === 'ready' ? paint.good : host.state === 'lost' ? paint.bad : paint.warn;
  const reason = host.reason === '' ? '' : `: ${oneLine(host.reason)}`;
  const drain = host.drainSecondsLeft > 0 ? `, ${duration(host.drainSecondsLeft)} left` : '';
  const head = `${paint.bold(host.host.padEnd(16))} ${tint(`${host.state}${reason}${drain}`)}`;
  return [
    '',
    `${head}  ${meter(busy, places)} ${busy}/${places}  ${paint.dim(`heartbeat ${duration(host.heartbeatAgeSeconds)} ago · ${host.version}`)}`,
    ...host.slots.flatMap((slot) => slotLines(slot, moment, paint)),
  ];
}

const meterWidth = 20;

function meter(busy: number, places: number): string {
  const full = places === 0 ? 0 : Math.round((meterWidth * busy) / places);
  return `${'█'.repeat(Math.min(meterWidth, full))}${'░'.repeat(Math.max(0, meterWidth - full))}`;
}

function slotLines(slot: Slot, moment: FleetMoment, paint: Paint): string[] {
  const healthy = slot.health === '' || slot.health === 'healthy';
  const health = healthy
    ? ''
    : paint.bad(` ${slot.health}${slot.healthReason === '' ? '' : `: ${oneLine(slot.healthReason)}`}`);
  const device = slot.deviceName === '' ? '' : ` ${oneLine(slot.deviceName)}`;
  const name = `  ${slot.slotId.slice(0, 14).padEnd(14)}${paint.dim(device)}${health}`;
  if (slot.attempts.length === 0) return [`${name}  ${paint.dim('idle')}`];
  return slot.attempts.map(({ attemptId, runId, epoch }, index) => {
    const what = moment.candidates.get(attemptId);
    const since = what?.startedAt ?? what?.plannedAt ?? null;
    const time = since === null ? '' : duration(Math.max(0, (moment.atMs - Date.parse(since)) / 1000));
    const who = what === undefined ? attemptId : `#${what.number} ${what.operator ?? '?'}`;
    const lead = index === 0 ? name : ' '.repeat(16);
    return `${lead}  ${paint.accent('▸')} ${who.padEnd(14)} ${runId}  ${time.padStart(9)}  ${paint.dim(`epoch ${epoch}`)}`;
  });
}

function runLine(run: Run, { candidates }: FleetMoment, paint: Paint): string {
  const best =
    run.bestCandidateId === ''
      ? paint.dim('no score yet')
      : `best ${paint.good(score(run.bestSearchScore))} by ${label(run.bestCandidateId, [...candidates.values()])}`;
  const wanted = run.options?.candidates ?? 0;
  // A fork's budget counts its own candidates, not those that it began with.
  const own = run.candidatesScored - run.inheritedCandidates;
  const scored = wanted > 0 ? `${own} of ${wanted}` : String(own);
  return `${paint.bold(run.runId)} ${run.state} · ${scored} scored, ${run.attemptsRunning} running, ${run.attemptsFailed} failed · ${best} · ${duration(run.elapsedSeconds)}${ownerPart(run)}`;
}

/** Of an owner with a quota, how much of it is used. */
function ownerPart({ owner, ownerQuota, ownerAttemptsRunning }: Run): string {
  return ownerQuota === 0 ? '' : ` · ${oneLine(owner)} has ${ownerAttemptsRunning} of ${ownerQuota} attempts`;
}
