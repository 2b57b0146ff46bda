// `tree`: who descends from whom.

import type { Command } from 'commander';
import type { CliContext, PlaceFlags } from '../context.ts';
import { isScored } from '../core/history.ts';
import { type LineageNode, lineage, lineageLines, lineageText } from '../core/lineage.ts';
import type { Candidate, Run } from '../core/model.ts';
import { shortenStyled } from '../terminal/styled-text.ts';
import { chooseRun, type OutputFlags, withCoordinator, withOutput, withPlace } from '../verb.ts';
import { showPicture, type WatchFlags, withWatch } from '../watched.ts';

export function addTree(program: Command, cli: CliContext): void {
  const command = program
    .command('tree')
    .description('the lineage of the candidates of a run (the newest one unless named)')
    .argument('[run]', "run, or its id's unique beginning");
  withWatch(withOutput(withPlace(command))).action(
    async (id: string | undefined, flags: PlaceFlags & OutputFlags & WatchFlags) => {
      await withCoordinator(cli, flags, (coordinator) =>
        showPicture(cli, flags, async () => {
          const run = await chooseRun(coordinator, id);
          const candidates = await coordinator.listCandidates(run.runId);
          return { json: lineage(candidates).map(plain), text: treeLines(run, candidates, cli).join('\n') };
        }),
      );
    },
  );
}

function treeLines(run: Run, candidates: readonly Candidate[], cli: CliContext): string[] {
  const { style, isTerminal, columns } = cli.stdout;
  return lineageLines(candidates).map(({ branches, candidate }) => {
    const wins = candidate.candidateId === run.verdict?.winnerId;
    const text = lineageText(candidate, candidates);
    const painted = wins ? style.bold(style.good(`${text}  ★`)) : isScored(candidate) ? text : style.dim(text);
    const line = `${style.dim(branches)}${painted}`;
    return isTerminal ? shortenStyled(line, columns) : line;
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
