// `config network`: nftables rules for the evaluator's segment, from the addresses that the daemons' configuration has.

import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { Argument, type Command } from 'commander';
import { parse } from 'yaml';
import { type NetworkPlace, networkPlaces, renderNetworkRules } from '../../deploy/network/rules.ts';
import type { CliContext } from '../context.ts';
import { CliError, causedBy, exitCodes } from '../exit-codes.ts';

interface Flags {
  readonly coordinator?: string;
  readonly evaluator?: string;
  readonly admin?: string;
  readonly config?: string;
}

/** Where the evaluator's address stands on the machine that gets the rules. */
const installed: Readonly<Record<NetworkPlace, string>> = {
  evaluator: '/etc/doubleblind/evaluator.yaml',
  router: '/etc/doubleblind/coordinator.yaml',
  host: '/etc/doubleblind/coordinator.yaml',
};

export function addConfigNetwork(group: Command, cli: CliContext): void {
  group
    .command('network')
    .description("print nftables rules for the evaluator's segment: only the coordinator reaches it, it reaches nobody")
    .addArgument(new Argument('<machine>', 'the machine that gets them').choices(networkPlaces))
    .option('--coordinator <address,...>', "the coordinator's machine (for evaluator and router)")
    .option('--evaluator <address,...:port>', 'the evaluator (default: from the file of --config)')
    .option('--admin <address,...>', "who may open SSH to the evaluator's machine; nobody where left out")
    .option('--config <file>', 'coordinator.yaml or evaluator.yaml (default: that of /etc/doubleblind)')
    .action(async (place: NetworkPlace, flags: Flags) => {
      const { hosts, port } = evaluatorAt(cli, place, flags);
      if (place !== 'host' && flags.coordinator === undefined) {
        throw usage(`The rules for ${place} name who may pass.`, 'Say it: --coordinator ADDRESS');
      }
      // The evaluator's own rules hold for every address that it has.
      const evaluators = place === 'evaluator' ? [] : await addressesOf(hosts);
      const coordinators = await addressesOf(listed(flags.coordinator));
      const administrators = await addressesOf(listed(flags.admin));
      cli.stdout.write(renderNetworkRules(place, { evaluators, port, coordinators, administrators }));
    });
}

function evaluatorAt(cli: CliContext, place: NetworkPlace, flags: Flags): { hosts: string[]; port: number } {
  const text = flags.evaluator ?? configured(resolve(cli.cwd, flags.config ?? installed[place]));
  const [, list, port] = /^(.+):(\d{1,5})$/.exec(text) ?? [];
  if (list === undefined || port === undefined) {
    throw usage(`${text} is not address:port.`, 'For example: --evaluator 10.0.3.2:7443');
  }
  const hosts = listed(list).map((host) => host.replace(/^\[(.*)\]$/, '$1'));
  if (place !== 'evaluator' && hosts.some((host) => host === '0.0.0.0' || host === '::')) {
    throw usage(`${text} is where it listens, not where it is reached.`, 'Name its address: --evaluator ADDRESS:PORT');
  }
  return { hosts, port: Number(port) };
}

/** `evaluator.address` of a coordinator's configuration, `listen` of an evaluator's. */
function configured(path: string): string {
  if (!existsSync(path)) throw usage(`There is no ${path}.`, 'Name the evaluator: --evaluator ADDRESS:PORT');
  try {
    const file = parse(readFileSync(path, 'utf8')) as { evaluator?: { address?: unknown }; listen?: unknown } | null;
    return String(file?.evaluator?.address ?? file?.listen ?? 'nothing');
  } catch (error) {
    throw causedBy(error, exitCodes.usage, `${path} cannot be read as YAML.`);
  }
}

function listed(text = ''): string[] {
  return text.split(',').filter((one) => one !== '');
}

/** Rules hold addresses: a name that changed its meaning would open or close them unseen. */
async function addressesOf(names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      if (isIP(name) !== 0) return [name];
      try {
        return (await lookup(name, { all: true })).map(({ address }) => address);
      } catch (error) {
        throw causedBy(error, exitCodes.usage, `${name} is no address, and its name is not known here.`, [
          'Give its IP address.',
        ]);
      }
    }),
  );
  return [...new Set(found.flat())];
}

function usage(message: string, next: string): CliError {
  return new CliError(exitCodes.usage, message, [next]);
}
