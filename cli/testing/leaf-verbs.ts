// The verbs that do something, read from the program itself: tables over all verbs are held against it.

import type { Command } from 'commander';

/** By name, groups taken apart; `help` and hidden ones are commander's and the shell's. */
export function leafVerbs(command: Command, path: readonly string[] = []): Map<string, Command> {
  const shown = command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== 'help');
  if (shown.length === 0) return new Map([[path.join(' '), command]]);
  return new Map(shown.flatMap((child) => [...leafVerbs(child, [...path, child.name()])]));
}
