// `diff`: what a candidate changed against its parent or the best one.

import type { Command } from 'commander';
import { Option } from 'commander';
import { type CliContext, type PlaceFlags, printJson } from '../context.ts';
import { unifiedDiff } from '../core/diff.ts';
import { ranking } from '../core/history.ts';
import type { Candidate, Run } from '../core/model.ts';
import { harmless } from '../core/text.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import type { Coordinator } from '../rpc/coordinator.ts';
import type { Style } from '../terminal/style.ts';
import { chooseCandidate, type OutputFlags, withCoordinator, withOutput, withPlace } from '../verb.ts';

interface Flags extends PlaceFlags, OutputFlags {
  readonly against: string;
}

export function addDiff(program: Command, cli: CliContext): void {
  const command = program
    .command('diff')
    .description("what a candidate's program changed, as a unified diff")
    .argument('<candidate>', "candidate, its id's unique beginning, or #7 in the newest run")
    .addOption(new Option('--against <what>', 'parent, best, or another candidate').default('parent'));
  withOutput(withPlace(command)).action(async (id: string, flags: Flags) => {
    const { files, from, to } = await withCoordinator(cli, flags, async (coordinator) => {
      const { candidate, run } = await chooseCandidate(coordinator, id);
      const other = await counterpart(coordinator, candidate, run, flags.against);
      const pair = [await sources(coordinator, other), await sources(coordinator, candidate)] as const;
      return { files: compare(pair[0], pair[1]), from: other, to: candidate };
    });
    if (flags.output === 'json') printJson(cli.stdout, { from: from.candidateId, to: to.candidateId, files });
    else if (files.length === 0) cli.stderr.write(`#${from.number} and #${to.number} have the same program.\n`);
    else for (const file of files) cli.stdout.write(paint(harmless(file.diff), cli.stdout.style));
  });
}

async function counterpart(
  coordinator: Coordinator,
  candidate: Candidate,
  run: Run,
  against: string,
): Promise<Candidate> {
  if (against === 'parent') {
    const parent = candidate.parentIds[0];
    if (parent !== undefined) return await coordinator.getCandidate(parent);
    throw new CliError(exitCodes.precondition, `#${candidate.number} is a draft, so it has no parent.`, [
      'Compare it with --against best or --against ID.',
    ]);
  }
  if (against !== 'best') return (await chooseCandidate(coordinator, against)).candidate;
  const all = await coordinator.listCandidates(run.runId);
  const best = ranking(all, run.taskInfo?.lowerIsBetter ?? true)[0];
  if (best === undefined) throw new CliError(exitCodes.precondition, `Run ${run.runId} has no scored candidate yet.`);
  return best;
}

async function sources(coordinator: Coordinator, candidate: Candidate): Promise<ReadonlyMap<string, string>> {
  const digest = candidate.artifacts.solutionDigest;
  if (digest === '') {
    throw new CliError(exitCodes.precondition, `#${candidate.number} (${candidate.state}) has left no program.`);
  }
  const { readTree } = await import('../../shared/store/tree.ts');
  const files = await readTree(await coordinator.artifact(digest));
  return new Map(files.map((file) => [file.path, file.bytes.toString('utf8')]));
}

interface FileDiff {
  readonly path: string;
  readonly diff: string;
}

function compare(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): FileDiff[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort((left, right) => (left < right ? -1 : 1));
  return paths
    .map((path) => {
      const [old, now] = [before.get(path), after.get(path)];
      const names = [
        old === undefined ? '/dev/null' : `a/${path}`,
        now === undefined ? '/dev/null' : `b/${path}`,
      ] as const;
      return { path, diff: unifiedDiff(names[0], names[1], old ?? '', now ?? '') };
    })
    .filter((file) => file.diff !== '');
}

function paint(diff: string, style: Style): string {
  return diff
    .split('\n')
    .map((line) => {
      if (line.startsWith('@@')) return style.accent(line);
      if (line.startsWith('+++') || line.startsWith('---')) return style.bold(line);
      if (line.startsWith('+')) return style.good(line);
      return line.startsWith('-') ? style.bad(line) : line;
    })
    .join('\n');
}
