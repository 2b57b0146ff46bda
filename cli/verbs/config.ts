// `config show`: every setting of a daemon and where it comes from. The schemas belong to the daemons, so a process that
// knows them does the work. `config nats`: the configuration of a nats-server for a fleet. Further ones: config-network.ts and
// config-check.ts.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { renderNatsServerConfig } from '../../deploy/nats/server-config.ts';
import { configPath } from '../cluster/layout.ts';
import { type CliContext, findPlace, type PlaceFlags } from '../context.ts';
import { CliError, type ExitCode, exitCodes } from '../exit-codes.ts';
import { runScript } from '../spawned.ts';
import { readUnits } from '../units.ts';
import { certificateName, certificateNames, type OutputFlags, stateDirectoryOption, withOutput } from '../verb.ts';
import { addConfigCheck, roles } from './config-check.ts';
import { addConfigNetwork } from './config-network.ts';

interface Flags extends PlaceFlags, OutputFlags {
  readonly origin?: boolean;
  readonly config?: string;
}

export function addConfig(program: Command, cli: CliContext): void {
  const group = program
    .command('config')
    .description('settings of the daemons: show, check; of the nats-server: nats; of the firewall: network');
  const command = group
    .command('show')
    .description('the settings of a daemon; secrets are not shown')
    .addArgument(new Argument('<role>', 'the daemon').choices(roles))
    .option('--origin', 'where each setting comes from: default, file, environment, flag of the unit')
    .option('--config <file>', 'the file to read (default: that of the local cluster, else /etc/doubleblind/ROLE.yaml)')
    .addOption(stateDirectoryOption());
  withOutput(command).action(async (role: (typeof roles)[number], flags: Flags) => {
    const local = configPath(findPlace(cli, flags), role);
    const file = flags.config ?? (existsSync(local) ? local : undefined);
    const words = [
      role,
      ...(flags.origin === true ? ['--origin'] : []),
      ...(flags.output === 'json' ? ['--json'] : []),
    ];
    // Of an installed daemon the flags of its unit count as well: they win over its file.
    const unit = `doubleblind-${role}`;
    const flagsOfUnit = file === undefined ? ((await readUnits(cli, [unit]))?.get(unit)?.flags ?? []) : [];
    if (flagsOfUnit.length > 0) cli.stderr.write(cli.stderr.style.dim(`with the flags of ${unit}.service\n`));
    const chosen = file === undefined ? ['--', ...flagsOfUnit] : ['--config', file];
    cli.exitCode = (await runScript(cli, 'deploy/bin/main-show-config.ts', [...words, ...chosen])) as ExitCode;
  });
  addConfigCheck(group, cli);
  addConfigNetwork(group, cli);
  group
    .command('nats')
    .description('print the configuration of a nats-server: who may publish and read what, by certificate')
    .requiredOption(
      '--hosts <names>',
      'names of the gpu-agents, as in their certificates, with commas',
      certificateNames,
    )
    .option('--coordinator <name>', 'name of the coordinator, as in its certificate', certificateName, 'local')
    .option('--listen <host:port>', 'where it listens', '0.0.0.0:7445')
    .option('--store-dir <dir>', 'directory of JetStream', '/var/lib/nats')
    .option('--server-name <name>', 'unique name of the server', 'doubleblind')
    .option('--cluster-listen <host:port>', 'where the other servers of a cluster reach it')
    .option('--routes <host:port,...>', 'every server of the cluster, this one included')
    .option('--certificates <dir>', 'directory with ca.crt, nats.crt and nats.key', '/etc/doubleblind/pki')
    .option('--key <file>', 'the key, where the server has it from elsewhere, such as /run/nats/tls.key')
    .action((flags: NatsFlags) => {
      const { hosts, coordinator, listen, storeDir, certificates, serverName, clusterListen, routes, key } = flags;
      const tls = {
        ca: join(certificates, 'ca.crt'),
        certificate: join(certificates, 'nats.crt'),
        key: key ?? join(certificates, 'nats.key'),
      };
      if ((clusterListen === undefined) !== (routes === undefined)) {
        throw new CliError(exitCodes.usage, 'A server of a cluster needs both --cluster-listen and --routes.');
      }
      const cluster =
        clusterListen === undefined ? {} : { cluster: { listen: clusterListen, routes: (routes ?? '').split(',') } };
      const server = { listen, tls, storeDirectory: storeDir, serverName, ...cluster };
      cli.stdout.write(renderNatsServerConfig({ ...server, hosts, coordinator }));
    });
}

interface NatsFlags {
  readonly key?: string;
  readonly hosts: readonly string[];
  readonly coordinator: string;
  readonly listen: string;
  readonly storeDir: string;
  readonly certificates: string;
  readonly serverName: string;
  readonly clusterListen?: string;
  readonly routes?: string;
}
