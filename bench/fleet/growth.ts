// What one event costs as a run grows: the real actor, core and journal on a disk, with agents and an evaluator that answer at once.
// Counted is all time of the processor in this process: decisions, steps, commits, and the order of each start.

import { brief } from '../../coordinator/core/brief.ts';
import type { Command } from '../../coordinator/core/command.ts';
import { defaultOptions } from '../../coordinator/core/options.ts';
import { toStartRequest } from '../../coordinator/fleet/messages.ts';
import { type Journal, openJournal } from '../../coordinator/journal/journal.ts';
import { openSearchActor, type SearchActor } from '../../coordinator/runs/search-actor.ts';
import { systemClock } from '../../shared/clock.ts';
import { digest, hostName, type RunId, runId, slotId } from '../../shared/core/ids.ts';
import { noUsage } from '../../shared/core/vocabulary.ts';
import { silentLogger } from '../../shared/log.ts';
import { limits, task } from './stand-ins.ts';

/** As many as a fleet of which each attempt takes a minute reports in half a second. */
const [hosts, slots] = [8, 8];
/** Attempts whose reports come at the same time, and so share a commit. */
const atOnce = 16;
const grownRun: RunId = runId('digits-growth');

export interface Growing {
  readonly actor: SearchActor;
  /** Lets attempts end and be scored until the run has so many candidates; events and seconds of the processor meanwhile. */
  growTo(candidates: number): Promise<{ readonly events: number; readonly cpuSeconds: number }>;
  /** Closes the journal. The hosts are written off, so that a coordinator which takes it up waits for none of them. */
  close(): Promise<void>;
}

/** Begins a run in an empty state directory. */
export async function startGrowing(stateDirectory: string): Promise<Growing> {
  const journal: Journal = openJournal(stateDirectory);
  const waiting: Command[] = [];
  const launch = (command: Command): void => void waiting.push(command);
  const actor = openSearchActor({ journal, clock: systemClock, log: silentLogger, launch });
  actor.start();
  const names = Array.from({ length: hosts }, (_, index) => hostName(`growth-${index}`));
  for (const host of names) await actor.post({ kind: 'hostJoined', host, description: descriptionOf() });
  const options = { ...defaultOptions, limits, wallSeconds: 0, seed: 1 };
  await actor.post({ kind: 'runCreated', runId: grownRun, requestId: grownRun, task, options });
  const candidates = (): number => actor.state.runs.get(grownRun)?.population.ranked.length ?? 0;
  return {
    actor,
    async growTo(wanted) {
      const before = process.cpuUsage();
      const { sequence } = actor.state;
      while (candidates() < wanted) {
        const some = waiting.splice(0, atOnce);
        if (some.length === 0) throw new Error('invariant broken: nothing is under way in a run without an end');
        await Promise.all(some.map((command) => obey(actor, command)));
      }
      const { user, system } = process.cpuUsage(before);
      return { events: actor.state.sequence - sequence, cpuSeconds: (user + system) / 1e6 };
    },
    async close() {
      for (const host of names) await actor.post({ kind: 'hostLost', host, reason: 'the benchmark is over' });
      actor.stop();
      journal.close();
    },
  };
}

async function obey(actor: SearchActor, command: Command): Promise<void> {
  if (command.kind === 'evaluate') {
    const { runId: run, attemptId, epoch } = command;
    const number = actor.state.attempts.get(attemptId)?.number ?? 0;
    // Spread over the ranks, and never twice the same.
    const value = ((number * 16_807) % 2_147_483_647) / 2_147_483_647;
    const score = { value, standardError: 0.01, feedback: value.toFixed(1), quarantined: false, quarantineReason: '' };
    await actor.post({ kind: 'candidateScored', runId: run, attemptId, epoch, score });
  } else if (command.kind === 'startAttempt') {
    const { runId: run, attemptId, epoch, host } = command;
    const told = brief(actor.state, attemptId);
    if (told === undefined) throw new Error(`invariant broken: nothing is known of ${attemptId}`);
    toStartRequest({ ...command, leaseTtlMs: 10_000, token: 'token', brief: told });
    const about = { runId: run, attemptId, epoch, host };
    await actor.post({ kind: 'attemptStarted', ...about });
    const number = actor.state.attempts.get(attemptId)?.number ?? 0;
    const digestOf = (kind: number) => digest((number * 16 + kind).toString(16).padStart(64, '0'));
    const artifacts = { solution: digestOf(0), submission: digestOf(1), log: digestOf(2), transcript: digestOf(3) };
    const note = `Tried idea ${number}: another depth of the trees, and features that were left out before.`;
    await actor.post({ kind: 'attemptEnded', ...about, artifacts, usage: noUsage, runSeconds: 60, note });
  }
}

function descriptionOf() {
  const about = { kind: 'cpu', deviceName: '', deviceMemoryBytes: 0, capacity: 1, health: 'healthy', healthReason: '' };
  return {
    ...{ address: '127.0.0.1:1', bootId: 'boot', version: '0.1.0', draining: false },
    slots: Array.from({ length: slots }, (_, index) => ({
      ...about,
      slotId: slotId(`cpu-${index}`),
      kind: 'cpu' as const,
    })),
  };
}
