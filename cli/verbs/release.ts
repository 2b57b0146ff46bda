// `release`: lets a candidate go on that the detectors have held back.

import type { Command } from 'commander';
import { type CliContext, type PlaceFlags, printJson } from '../context.ts';
import { harmless } from '../core/text.ts';
import {
  chooseCandidate,
  type DryRunFlags,
  type OutputFlags,
  withCoordinator,
  withDryRun,
  withOutput,
  withPlace,
} from '../verb.ts';

export function addRelease(program: Command, cli: CliContext): void {
  const command = program
    .command('release')
    .description(
      'let a quarantined candidate be a parent and a finalist, after a look at the evidence (doubleblind show)',
    )
    .argument('<candidate>', "candidate: its id's unique beginning, or #7 of the newest run")
    .requiredOption('--reason <text>', 'why; it is kept with the candidate');
  withDryRun(withOutput(withPlace(command))).action(
    async (id: string, flags: PlaceFlags & OutputFlags & DryRunFlags & { reason: string }) => {
      const candidate = await withCoordinator(cli, flags, async (coordinator) => {
        const { candidate: chosen } = await chooseCandidate(coordinator, id);
        return await coordinator.releaseCandidate(chosen.candidateId, flags.reason);
      });
      if (flags.output === 'json') printJson(cli.stdout, candidate);
      else cli.stdout.write(`#${candidate.number} is ${candidate.state}: ${harmless(candidate.failureMessage)}\n`);
    },
  );
}
