// The flags of a search → the request that creates it.

import { randomUUID } from 'node:crypto';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { defaultPriority, limitDefaults, searchDefaults } from '../shared/core/search-defaults.ts';
import { type Operator, operators } from '../shared/core/vocabulary.ts';
import { operatorToWire } from '../shared/rpc/vocabulary-wire.ts';
import { duration } from './core/quantity.ts';
import { attemptWords, sandboxWords } from './planned-run.ts';
import { bytesFlag, durationFlag, positiveNumber, positiveWhole, probability, wholeNumber } from './verb.ts';

/** What `run` and `quickstart` take; a missing member leaves the choice to the coordinator. */
export interface SearchFlags {
  readonly candidates?: number;
  readonly budget?: number;
  readonly slots?: number;
  readonly priority?: number;
  readonly seed?: number;
  readonly model?: string;
  readonly dollars?: number;
  readonly tokens?: number;
  readonly slotHours?: number;
  readonly temperature?: number;
  readonly crossover?: number;
  readonly draft?: number;
  readonly finalists?: number;
  readonly operators?: readonly Operator[];
  readonly repair?: boolean;
  readonly guidance?: string;
  readonly rank?: number;
  readonly scoreQueries?: number;
  readonly execution?: number;
  readonly tool?: number;
  readonly trajectory?: number;
  readonly turns?: number;
  readonly memory?: number;
  readonly cpus?: number;
}

/** The flags that all of them share. */
export function withSearch(command: Command): Command {
  return withBudgets(command, 'end when so many candidates have a score');
}

/** The same for a fork. */
export function withForkSearch(command: Command): Command {
  return withBudgets(command, 'end when so many more candidates have a score, beside those that it begins with');
}

function withBudgets(command: Command, candidates: string): Command {
  return command
    .option('-c, --candidates <n>', candidates, positiveWhole)
    .option('-b, --budget <time>', 'end after this time, for example 10m or 8h', durationFlag)
    .option('-s, --slots <n>', 'most attempts at once', positiveWhole)
    .option('--dollars <n>', 'end when the model has cost so much', positiveNumber)
    .option('--tokens <n>', 'end when the model has written so many tokens', positiveWhole)
    .option('--seed <n>', 'seed of the search', wholeNumber)
    .option('--model <name>', 'the model to ask the gateway for');
}

/** The flags for those who know what they want; `told` shows what a flag is where it is not given. */
function withDetails(command: Command, told: (value: number) => string): Command {
  return command
    .option('--priority <n>', `share of the slots beside other runs, 1 to 100${told(defaultPriority)}`, positiveWhole)
    .option('--slot-hours <n>', 'end when so many slot-hours are used', positiveNumber)
    .option(
      '--temperature <t>',
      `selection temperature${told(searchDefaults.temperature)}: lower picks the best more often`,
      positiveNumber,
    )
    .option('--crossover <p>', `probability of a crossover${told(searchDefaults.crossoverProbability)}`, probability)
    .option(
      '--draft <p>',
      `probability of a draft once each slot has had one${told(searchDefaults.draftProbability)}`,
      probability,
    )
    .option(
      '--finalists <n>',
      `candidates that the evaluator re-ranks at the end${told(searchDefaults.finalists)}`,
      positiveWhole,
    )
    .addOption(new Option('--operators <list>', `operators to use, of ${operators.join(',')}`).argParser(operatorList))
    .option('--no-repair', 'never offer a failed candidate to a repair')
    .option('--guidance <text>', 'a hint for every attempt')
    .option('--rank <k>', 'have each attempt sketch k ideas and a judge turn pick one, 0 for none', wholeNumber)
    .option('--score-queries <n>', `scores that each attempt may ask for during its work${told(0)}`, wholeNumber)
    .option('--execution <time>', 'longest run of a solution', durationFlag)
    .option('--tool <time>', 'longest single tool call', durationFlag)
    .option('--trajectory <time>', 'longest whole attempt', durationFlag)
    .option('--turns <n>', 'most model calls of an attempt', positiveWhole)
    .option('--memory <size>', 'memory of a sandbox, for example 4GiB', bytesFlag)
    .option('--cpus <n>', 'processors of a sandbox', positiveNumber);
}

/** The details of a new run, with what holds where nothing is said. */
export function withSearchDetails(command: Command): Command {
  return withDetails(command, (value) => ` (${value})`).addHelpText(
    'after',
    `
Where no flag says otherwise a run ends after ${duration(searchDefaults.wallSeconds)}, and
  each attempt has  ${attemptWords(limitDefaults)}
  each sandbox has  ${sandboxWords(limitDefaults)}
A coordinator may be configured with other limits: --dry-run shows those that hold.`,
  );
}

/** The details of a fork, where everything that is not named is as in the run that it goes on from. */
export function withForkDetails(command: Command): Command {
  return withDetails(command, () => '');
}

function operatorList(text: string): Operator[] {
  return text.split(',').map((word) => {
    const operator = operators.find((known) => known === word.trim());
    if (operator === undefined) throw new InvalidArgumentError(`${word} is not one of ${operators.join(', ')}.`);
    return operator;
  });
}

/** The request; unset fields are left to the coordinator, or to the defaults given. */
export function searchRequest(task: string, flags: SearchFlags) {
  return {
    requestId: randomUUID(),
    task,
    options: {
      candidates: flags.candidates,
      wallSeconds: flags.budget,
      dollars: flags.dollars,
      tokens: flags.tokens,
      slotHours: flags.slotHours,
      parallelAttempts: flags.slots,
      priority: flags.priority,
      seed: flags.seed,
      model: flags.model,
      temperature: flags.temperature,
      crossoverProbability: flags.crossover,
      draftProbability: flags.draft,
      finalists: flags.finalists,
      operators: flags.operators?.map(operatorToWire),
      repair: flags.repair,
      guidance: flags.guidance,
      rankBeforeRun: flags.rank,
      scoreQueries: flags.scoreQueries,
      limits: {
        executionSeconds: flags.execution,
        toolSeconds: flags.tool,
        trajectorySeconds: flags.trajectory,
        turns: flags.turns,
        memoryBytes: flags.memory,
        cpus: flags.cpus,
      },
    },
  };
}
