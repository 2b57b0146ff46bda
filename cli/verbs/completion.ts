// `completion SHELL`: a script for the shell, which asks the hidden verb `complete` what may stand at the cursor. What may stand
// there is read from the program itself, so a new verb or flag completes without being listed here; ids come from the coordinator.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { type CliContext, findPlace } from '../context.ts';

/** The scripts hand over the words before the cursor and the one at it; an empty one is a word as well. */
const scripts = {
  bash: `_doubleblind() {
  local IFS=$'\\n'
  COMPREPLY=($(doubleblind complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _doubleblind doubleblind
`,
  zsh: `#compdef doubleblind
_doubleblind() {
  local -a found
  found=("\${(@f)$(doubleblind complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$found" ]]; then compadd -- "\${found[@]}"; else _files; fi
}
compdef _doubleblind doubleblind
`,
  fish: `function __doubleblind_complete
  set -l words (commandline --tokenize --cut-at-cursor --current-process) (commandline --current-token --cut-at-cursor)
  doubleblind complete -- $words[2..] 2>/dev/null
end
complete --command doubleblind --arguments '(__doubleblind_complete)'
`,
} as const;

/** Most ids that are offered. */
const mostIds = 50;
/** A shell waits for this at each Tab. */
const patienceMs = 1500;

export function addCompletion(program: Command, cli: CliContext): void {
  program
    .command('completion')
    .description('print the completion script of a shell: source <(doubleblind completion bash)')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(scripts)))
    .action((shell: keyof typeof scripts) => cli.stdout.write(scripts[shell]));
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      for (const word of await proposals(program, cli, words)) cli.stdout.write(`${word}\n`);
    });
}

async function proposals(program: Command, cli: CliContext, words: readonly string[]): Promise<string[]> {
  const current = words.at(-1) ?? '';
  const { command, given } = descend(program, words.slice(0, -1));
  const flag = words.at(-2);
  const asked = command.options.find(
    (option) => (option.long === flag || option.short === flag) && !option.isBoolean(),
  );
  const open = asked === undefined ? await atPosition(command, given, current, cli) : (asked.argChoices ?? []);
  return open.filter((word) => word.startsWith(current)).slice(0, mostIds);
}

/** The innermost verb that the words name, and how many arguments it was given. */
function descend(program: Command, words: readonly string[]): { readonly command: Command; readonly given: number } {
  let command = program;
  let given = 0;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? '';
    if (word.startsWith('-')) {
      const option = command.options.find(({ long, short }) => long === word || short === word);
      if (option !== undefined && !option.isBoolean()) index += 1;
      continue;
    }
    const child =
      given === 0 ? command.commands.find((one) => one.name() === word || one.aliases().includes(word)) : undefined;
    if (child === undefined) given += 1;
    else command = child;
  }
  return { command, given };
}

async function atPosition(
  command: Command,
  given: number,
  current: string,
  cli: CliContext,
): Promise<readonly string[]> {
  if (current.startsWith('-'))
    return command
      .createHelp()
      .visibleOptions(command)
      .flatMap(({ long }) => long ?? []);
  const verbs = command
    .createHelp()
    .visibleCommands(command)
    .map((child) => child.name());
  if (verbs.length > 0) return verbs;
  const argument = command.registeredArguments.at(given) ?? command.registeredArguments.find((one) => one.variadic);
  if (argument === undefined) return [];
  return argument.argChoices ?? (await ids(argument.name(), cli));
}

/** Names of the thing that an argument asks for; none where no coordinator answers in time. */
async function ids(kind: string, cli: CliContext): Promise<readonly string[]> {
  const { connectCoordinator } = await import('../rpc/coordinator.ts');
  const place = findPlace(cli, {});
  // Without certificates nobody can be asked.
  if (!existsSync(join(place.pkiDirectory, 'operator.crt'))) return [];
  const coordinator = connectCoordinator(place);
  const late = new Promise<string[]>((resolve) => setTimeout(resolve, patienceMs, []).unref());
  const runs = async (): Promise<string[]> => (await coordinator.listRuns(mostIds)).map((run) => run.runId);
  const candidates = async (): Promise<string[]> => {
    const [newest] = await coordinator.listRuns(1);
    if (newest === undefined) return [];
    return (await coordinator.listCandidates(newest.runId)).map((candidate) => candidate.candidateId);
  };
  const sources: Readonly<Record<string, () => Promise<string[]>>> = {
    run: runs,
    candidate: candidates,
    id: async () => [...(await runs()), ...(await candidates())],
    host: async () => (await coordinator.listHosts()).map((host) => host.host),
    task: async () => (await coordinator.listTasks()).map((task) => task.name),
  };
  try {
    return await Promise.race([(sources[kind] ?? (async () => []))(), late]);
  } catch {
    // A shell has no place for an error; nothing is offered.
    return [];
  } finally {
    coordinator.close();
  }
}
