// `config check`: whether the daemons would take their configuration files. The schemas belong to the daemons, so a process that
// knows them looks.

import { existsSync } from 'node:fs';
import { Argument, type Command } from 'commander';
import { configPath } from '../cluster/layout.ts';
import { type CliContext, findPlace, type PlaceFlags, printJson } from '../context.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import { runQuietly } from '../spawned.ts';
import { type OutputFlags, stateDirectoryOption, withOutput } from '../verb.ts';

export const roles = ['coordinator', 'gpu-agent', 'sandbox-proxy', 'evaluator', 'llm-gateway'] as const;

interface Flags extends PlaceFlags, OutputFlags {
  readonly config?: string;
}

/** All files that are there, or the one of a role; a role that was named and has none is checked as its defaults. */
export function addConfigCheck(group: Command, cli: CliContext): void {
  const command = group
    .command('check')
    .description(
      'whether the daemons would take their files and certificates, environment included; starts nothing, tells every problem',
    )
    .addArgument(new Argument('[role]', 'the daemon (default: every one that has a file)').choices(roles))
    .option('--config <file>', 'the file to read; needs a role')
    .addOption(stateDirectoryOption());
  withOutput(command).action(async (role: (typeof roles)[number] | undefined, flags: Flags) => {
    if (role === undefined && flags.config !== undefined) {
      throw new CliError(exitCodes.usage, `Whose file is ${flags.config}? Name the daemon: ${roles.join(', ')}.`);
    }
    const place = findPlace(cli, flags);
    const fileOf = (name: (typeof roles)[number]): string | undefined =>
      flags.config ?? [configPath(place, name), `/etc/doubleblind/${name}.yaml`].find((path) => existsSync(path));
    const names = role === undefined ? roles.filter((name) => fileOf(name) !== undefined) : [role];
    if (names.length === 0) {
      throw new CliError(
        exitCodes.notFound,
        'There is no configuration file here, neither of a local cluster nor in /etc/doubleblind.',
        ['Name one: doubleblind config check ROLE --config FILE'],
      );
    }
    const told: string[] = [];
    for (const name of names) {
      const file = fileOf(name);
      const words = [name, '--check', ...(flags.output === 'json' ? ['--json'] : [])];
      const args = file === undefined ? words : [...words, '--config', file];
      const { status, output } = await runQuietly(cli, 'deploy/bin/main-show-config.ts', args);
      told.push(output);
      if (status !== 0) cli.exitCode = exitCodes.usage;
    }
    if (flags.output === 'json')
      printJson(
        cli.stdout,
        told.map((text) => JSON.parse(text) as unknown),
      );
    else cli.stdout.write(told.join(''));
  });
}
