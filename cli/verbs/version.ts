// `version`: of Doubleblind and what it runs on.

import type { Command } from 'commander';
import { type CliContext, printJson, versionOf } from '../context.ts';
import { type OutputFlags, withOutput } from '../verb.ts';

export function addVersion(program: Command, cli: CliContext): void {
  withOutput(program.command('version').description('the version of Doubleblind and of Node')).action(
    (flags: OutputFlags) => {
      const versions = { doubleblind: versionOf(cli.root), node: process.versions.node, platform: process.platform };
      if (flags.output === 'json') printJson(cli.stdout, versions);
      else cli.stdout.write(`doubleblind ${versions.doubleblind} on Node ${versions.node} (${versions.platform})\n`);
    },
  );
}
