// `top`: the fleet as it works, again and again until Ctrl-C, also into a pipe; once with --once.

import type { Command } from 'commander';
import type { CliContext, PlaceFlags } from '../context.ts';
import { type FleetMoment, fleetLines, loadOf } from '../core/fleet.ts';
import type { Candidate } from '../core/model.ts';
import { liveRunsReader } from '../live-runs.ts';
import type { Coordinator } from '../rpc/coordinator.ts';
import { type OutputFlags, withCoordinator, withOutput, withPlace } from '../verb.ts';
import { showPicture } from '../watched.ts';

interface Flags extends PlaceFlags, OutputFlags {
  readonly once?: boolean;
}

/** Attempts that are asked for by name at one look; others show their id. */
const mostAttempts = 64;
/** Looks that the average is taken over: two minutes. */
const mostHistory = 60;

export function addTop(program: Command, cli: CliContext): void {
  const command = program
    .command('top')
    .description('the fleet as it works: hosts, slots, leases, and how busy they are; Ctrl-C ends it')
    .option('--once', 'show it once and end');
  withOutput(withPlace(command)).action(async (flags: Flags) => {
    await withCoordinator(cli, flags, async (coordinator) => {
      const known = new Map<string, Candidate>();
      const history: number[] = [];
      const liveRuns = liveRunsReader(coordinator);
      const look = async () => {
        const moment = await lookAround(coordinator, liveRuns, { known, history });
        const { hosts, runs } = moment;
        const json = { at: new Date(moment.atMs).toISOString(), load: loadOf(hosts), hosts, runs };
        return { json, text: fleetLines(moment, cli.stdout.style).join('\n') };
      };
      await showPicture(cli, { output: flags.output, watch: flags.once !== true }, look);
    });
  });
}

async function lookAround(
  coordinator: Coordinator,
  liveRuns: ReturnType<typeof liveRunsReader>,
  { known, history }: { readonly known: Map<string, Candidate>; readonly history: number[] },
): Promise<FleetMoment> {
  const hosts = await coordinator.listHosts();
  const leases = hosts.flatMap((host) => host.slots.flatMap((slot) => slot.attempts));
  const runs = await liveRuns(leases.map(({ runId }) => runId));
  const leased = leases.map(({ attemptId }) => attemptId);
  for (const id of known.keys()) if (!leased.includes(id)) known.delete(id);
  const unknown = leased.filter((id) => known.get(id)?.startedAt == null).slice(0, mostAttempts);
  // An attempt that has just ended may be gone from one list and not yet from the other.
  const found = await Promise.all(unknown.map((id) => coordinator.getCandidate(id).catch(() => undefined)));
  for (const candidate of found) if (candidate !== undefined) known.set(candidate.candidateId, candidate);
  history.push(loadOf(hosts).share);
  if (history.length > mostHistory) history.shift();
  return {
    hosts,
    runs,
    candidates: known,
    history,
    atMs: Date.now(),
  };
}
