// `pause`, `resume`, `cancel`, `kill`, `steer`, `extend`: what people do to a run that goes on.

import type { Command } from 'commander';
import { type CliContext, type PlaceFlags, printJson } from '../context.ts';
import type { Run } from '../core/model.ts';
import { runSummary } from '../core/progress.ts';
import { harmless } from '../core/text.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { budgetWords } from '../planned-run.ts';
import type { Coordinator } from '../rpc/coordinator.ts';
import {
  type DryRunFlags,
  durationFlag,
  type OutputFlags,
  positiveNumber,
  positiveWhole,
  withCoordinator,
  withDryRun,
  withOutput,
  withPlace,
} from '../verb.ts';

interface Steering {
  readonly verb: string;
  readonly description: string;
  readonly act: (coordinator: Coordinator, runId: string) => Promise<Run>;
  /** Whether the run is what the verb would make of it, so that nothing happens. */
  readonly hasEnded?: (run: Run) => boolean;
}

const steerings: readonly Steering[] = [
  {
    verb: 'pause',
    description: 'plan no new attempts until resumed; running ones go on',
    act: (coordinator, runId) => coordinator.pauseRun(runId),
  },
  {
    verb: 'resume',
    description: 'plan attempts again',
    act: (coordinator, runId) => coordinator.resumeRun(runId),
  },
  {
    verb: 'cancel',
    description:
      'stop the running attempts and seal the run with what there is; of a run that has ended it changes nothing',
    act: (coordinator, runId) => coordinator.cancelRun(runId),
    hasEnded: ({ state }) => state === 'sealed' || state === 'killed',
  },
];

export function addSteering(program: Command, cli: CliContext): void {
  addSteer(program, cli);
  for (const { verb, description, act, hasEnded } of steerings) {
    const command = program
      .command(verb)
      .description(description)
      .argument('<run>', "run, or its id's unique beginning");
    withDryRun(withOutput(withPlace(command))).action(
      async (id: string, flags: PlaceFlags & OutputFlags & DryRunFlags) => {
        const run = await withCoordinator(cli, flags, async (coordinator) => {
          const before = await coordinator.getRun(id);
          if (hasEnded?.(before) === true) sayEnded(cli, before);
          return await act(coordinator, before.runId);
        });
        if (flags.output === 'json') printJson(cli.stdout, run);
        else cli.stdout.write(`${run.runId}: ${runSummary(run)}\n`);
      },
    );
  }
  addKill(program, cli);
  addExtend(program, cli);
}

function addKill(program: Command, cli: CliContext): void {
  const command = program
    .command('kill')
    .description('end a run at once: attempts are written off and nobody waits for them; no verdict unless --seal')
    .argument('<run>', "run, or its id's unique beginning")
    .option('--seal', 'have the evaluator pick a winner among the candidates that have a score; also later')
    .addHelpText(
      'after',
      `
Examples:
  doubleblind kill digits-3f9a2c           the run is over, its candidates stay readable and can be forked
  doubleblind kill digits-3f9a2c --seal    over as well, and sealed with what it has
It may be said again: of a run that has ended it changes nothing, but for a verdict that --seal still adds.
To let attempts hand in what they have first: doubleblind cancel digits-3f9a2c`,
    );
  withDryRun(withOutput(withPlace(command))).action(
    async (id: string, flags: PlaceFlags & OutputFlags & DryRunFlags & { seal?: boolean }) => {
      const run = await withCoordinator(cli, flags, async (coordinator) => {
        const before = await coordinator.getRun(id);
        const seal = flags.seal === true;
        if (before.state === 'sealed' || (before.state === 'killed' && !seal)) sayEnded(cli, before);
        return await coordinator.killRun(before.runId, seal);
      });
      if (flags.output === 'json') printJson(cli.stdout, run);
      else cli.stdout.write(`${run.runId}: ${runSummary(run)}\n`);
    },
  );
}

/** For people: a program reads the state, and a repeat is no failure. */
function sayEnded(cli: CliContext, { runId, state }: Run): void {
  cli.stderr.write(`${runId} had ended already (${state}); nothing was changed.\n`);
}

interface ExtendFlags extends PlaceFlags, OutputFlags, DryRunFlags {
  readonly candidates?: number;
  readonly budget?: number;
  readonly dollars?: number;
  readonly tokens?: number;
  readonly slotHours?: number;
}

function addExtend(program: Command, cli: CliContext): void {
  const command = program
    .command('extend')
    .description('give a run that has not ended larger budgets; each option is the new total')
    .argument('<run>', "run, or its id's unique beginning")
    .option(
      '-c, --candidates <n>',
      'end when so many candidates have a score; of a fork, so many of its own',
      positiveWhole,
    )
    .option('-b, --budget <time>', 'end after this time', durationFlag)
    .option('--dollars <n>', 'end when the model has cost so much', positiveNumber)
    .option('--tokens <n>', 'end when the model has written so many tokens', positiveWhole)
    .option('--slot-hours <n>', 'end when so many slot-hours are used', positiveNumber);
  withDryRun(withOutput(withPlace(command))).action(async (id: string, flags: ExtendFlags) => {
    const { candidates, budget: wallSeconds, dollars, tokens, slotHours } = flags;
    if ([candidates, wallSeconds, dollars, tokens, slotHours].every((total) => total === undefined)) {
      throw new CliError(exitCodes.usage, 'Nothing to extend is named.', [
        'Name a new total, for example --candidates 80 or --budget 2h.',
      ]);
    }
    const run = await withCoordinator(cli, flags, async (coordinator) => {
      const { runId } = await coordinator.getRun(id);
      return await coordinator.extendRun(runId, { candidates, wallSeconds, dollars, tokens, slotHours });
    });
    if (flags.output === 'json') printJson(cli.stdout, run);
    else cli.stdout.write(`${run.runId}: ${runSummary(run)}; it ends after ${budgetWords(run)}\n`);
  });
}

function addSteer(program: Command, cli: CliContext): void {
  const command = program
    .command('steer')
    .description('tell the running attempts something, and every later one')
    .argument('<run>', "run, or its id's unique beginning")
    .argument('<guidance>', 'what they are told, for example "try gradient boosting on log targets"');
  withDryRun(withOutput(withPlace(command))).action(
    async (id: string, guidance: string, flags: PlaceFlags & OutputFlags & DryRunFlags) => {
      const run = await withCoordinator(cli, flags, async (coordinator) => {
        const { runId } = await coordinator.getRun(id);
        return await coordinator.steerRun(runId, guidance);
      });
      if (flags.output === 'json') printJson(cli.stdout, run);
      else
        cli.stdout.write(
          `${run.runId}: running attempts hear it before their next turn, later ones are told:\n${harmless(run.options?.guidance ?? '')}\n`,
        );
    },
  );
}
