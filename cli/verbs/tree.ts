// `tree`: who descends from whom.

import type { Command } from 'commander';
import { type CliContext, type PlaceFlags, printJson } from '../context.ts';
import { isScored } from '../core/history.ts';
import { type LineageNode, lineage, lineageLines, lineageText } from '../core/lineage.ts';
import { chooseRun, type OutputFlags, withCoordinator, withOutput, withPlace } from '../verb.ts';

export function addTree(program: Command, cli: CliContext): void {
  const command = program
    .command('tree')
    .description('the lineage of the candidates of a run (the newest one unless named)')
    .argument('[run]', "run, or its id's unique beginning");
  withOutput(withPlace(command)).action(async (id: string | undefined, flags: PlaceFlags & OutputFlags) => {
    const { run, candidates } = await withCoordinator(cli, flags, async (coordinator) => {
      const found = await chooseRun(coordinator, id);
      return { run: found, candidates: await coordinator.listCandidates(found.runId) };
    });
    if (flags.output === 'json') {
      printJson(cli.stdout, lineage(candidates).map(plain));
      return;
    }
    const { style } = cli.stdout;
    for (const { branches, candidate } of lineageLines(candidates)) {
      const wins = candidate.candidateId === run.verdict?.winnerId;
      const text = lineageText(candidate, candidates);
      const painted = wins ? style.bold(style.good(`${text}  ★`)) : isScored(candidate) ? text : style.dim(text);
      cli.stdout.write(`${style.dim(branches)}${painted}\n`);
    }
  });
}

interface PlainNode {
  readonly candidateId: string;
  readonly number: number;
  readonly operator: string | null;
  readonly parentIds: readonly string[];
  readonly state: string;
  readonly searchScore: number | null;
  readonly children: readonly PlainNode[];
}

function plain({ candidate, children }: LineageNode): PlainNode {
  const { candidateId, number, operator, parentIds, state, searchScore } = candidate;
  return { candidateId, number, operator, parentIds, state, searchScore, children: children.map(plain) };
}
