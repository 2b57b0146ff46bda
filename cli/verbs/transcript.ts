// `transcript`: what the agent behind a candidate thought, did and saw.

import type { Command } from 'commander';
import type { CliContext, PlaceFlags } from '../context.ts';
import { indent, shorten } from '../core/text.ts';
import { type Passage, parseEntry, passages } from '../core/transcript.ts';
import { exitCodes } from '../exit-codes.ts';
import type { Style } from '../terminal/style.ts';
import { chooseCandidate, type OutputFlags, withCoordinator, withOutput, withPlace } from '../verb.ts';

interface Flags extends PlaceFlags, OutputFlags {
  readonly follow?: boolean;
  readonly full?: boolean;
}

/** Bodies longer than this are cut unless --full is given: a screen or two. */
const shortBody = 2400;

export function addTranscript(program: Command, cli: CliContext): void {
  const command = program
    .command('transcript')
    .description("a candidate's trajectory: thoughts, tool calls, observations")
    .argument('<candidate>', "candidate, its id's unique beginning, or #7 in the newest run")
    .option('-f, --follow', 'go on while the attempt runs')
    .option('--full', 'the prompt and long observations as well');
  withOutput(withPlace(command)).action(async (id: string, flags: Flags) => {
    await withCoordinator(cli, flags, async (coordinator) => {
      const { candidate } = await chooseCandidate(coordinator, id);
      const entries = coordinator.transcript(candidate.candidateId, flags.follow === true, cli.signal);
      for await (const { json } of entries) {
        if (flags.output === 'json') cli.stdout.write(`${json.trim()}\n`);
        else
          for (const passage of passages(parseEntry(json))) cli.stdout.write(render(passage, flags, cli.stdout.style));
      }
    });
    if (cli.signal.aborted) cli.exitCode = exitCodes.detached;
  });
}

function render(passage: Passage, flags: Flags, style: Style): string {
  const { role, headline, body } = passage;
  const marks: Record<Passage['role'], string> = {
    system: style.dim(`○ ${headline}`),
    thought: style.bold(`● ${headline}`),
    action: style.accent(`▶ ${headline}`),
    observation: style.dim(`◀ ${headline}`),
    outcome: style.good(`✓ ${headline}`),
    trouble: style.bad(`✗ ${headline}`),
  };
  const hidden = role === 'system' && flags.full !== true;
  const shown = flags.full === true ? body : shorten(body, shortBody);
  const text = hidden && body !== '' ? style.dim(`(${body.length} characters; --full shows them)`) : shown;
  return text === '' ? `${marks[role]}\n\n` : `${marks[role]}\n${indent(text, '  ')}\n\n`;
}
