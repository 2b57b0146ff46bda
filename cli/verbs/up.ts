// `up`: a local cluster that runs until it is stopped.

import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { Cluster } from '../cluster/cluster.ts';
import { runningCluster } from '../cluster/cluster-lock.ts';
import { sandboxEnvironment } from '../cluster/config-files.ts';
import { daemonNames, defaultPortBase, type Layout, layoutOf, localHostName } from '../cluster/layout.ts';
import { gatewaySettings, type ModelFlags, modelSource, withModel } from '../cluster/model-source.ts';
import { type CliContext, clusterRecord, findPlace, type PlaceFlags, printJson } from '../context.ts';
import { harmless } from '../core/text.ts';
import { CliError, causedBy, exitCodes } from '../exit-codes.ts';
import { dockerSocket } from '../setup/docker-engine.ts';
import { findGpus } from '../setup/gpus.ts';
import {
  type DryRunFlags,
  type OutputFlags,
  positiveWhole,
  sayDryRun,
  stateDirectoryOption,
  wholeNumber,
  withDryRun,
  withOutput,
} from '../verb.ts';
import { planSetUp, setUp } from './setup.ts';

export interface UpFlags extends PlaceFlags, ModelFlags {
  readonly slots?: number;
  readonly trajectoriesPerSlot?: number;
  readonly portBase?: number;
  readonly wheels?: string;
  readonly tracesEndpoint?: string;
}

/** CPU slots where nothing else is said: the quick start's four attempts at once. */
const defaultCpuSlots = 4;
const highestPort = 65_535;

export function withCluster(command: Command): Command {
  return withModel(command)
    .option('--port-base <port>', `ports from here on (default ${defaultPortBase})`, portBase)
    .option('--trajectories-per-slot <n>', 'attempts that share a slot; thinking does not hold it', positiveWhole)
    .option('--wheels <dir>', 'a folder of wheels that agents may install from (docs/packages.md)')
    .option('--traces-endpoint <url>', 'an OpenTelemetry collector that takes spans, for example http://127.0.0.1:4318')
    .addOption(stateDirectoryOption())
    .option('--pki-dir <dir>', 'directory of the certificates (default: pki in the state directory)');
}

/** Leaves room for the daemons' ports after it. */
function portBase(text: string): number {
  const value = wholeNumber(text);
  if (value < 1 || value > highestPort - daemonNames.length) {
    throw new InvalidArgumentError(`It must be between 1 and ${highestPort - daemonNames.length}.`);
  }
  return value;
}

export function addUp(program: Command, cli: CliContext): void {
  const command = program
    .command('up')
    .description('start a local cluster and keep it running until Ctrl-C')
    .option('-s, --slots <n>', `CPU slots where there is no GPU (default ${defaultCpuSlots})`, positiveWhole)
    .option('--model <name>', 'the model of the endpoint (or DOUBLEBLIND_MODEL)')
    .option('-d, --detach', 'leave it running in the background; doubleblind down stops it');
  withDryRun(withOutput(withCluster(command))).action(
    async (flags: UpFlags & OutputFlags & DryRunFlags & { detach?: boolean }) => {
      const { stateDirectory } = findPlace(cli, flags);
      const holder = runningCluster(stateDirectory);
      if (holder !== undefined) {
        throw new CliError(
          exitCodes.precondition,
          `A cluster is running in ${stateDirectory} already (process ${holder.pid}, since ${holder.startedAt}).`,
          [
            'Use it as it is, or stop it with: doubleblind down',
            'A second one needs its own --state-dir and --port-base.',
          ],
        );
      }
      if (flags.dryRun === true) {
        await planUp(cli, flags);
        sayDryRun(cli);
        return;
      }
      if (flags.detach === true) {
        await detach(cli, flags, stateDirectory);
        return;
      }
      const cluster = await bringUp(cli, flags);
      const dashboard = `http://${cluster.dashboard}/`;
      if (flags.output === 'json') {
        printJson(cli.stdout, { pid: process.pid, stateDirectory, addresses: cluster.addresses, dashboard });
      } else {
        printAddresses(cli, cluster);
      }
      cli.stderr.write(cli.stderr.style.dim('Ctrl-C stops it; another terminal may say: doubleblind run digits\n'));
      await serve(cli, cluster);
    },
  );
}

function printAddresses(cli: CliContext, { addresses, dashboard }: Pick<Layout, 'addresses' | 'dashboard'>): void {
  for (const name of daemonNames) cli.stdout.write(`${name.padEnd(12)} ${addresses[name]}\n`);
  cli.stdout.write(`${'dashboard'.padEnd(12)} http://${dashboard}/\n`);
}

/** What `up` would do: the same checks, then where each daemon would listen. */
export async function planUp(cli: CliContext, flags: UpFlags & OutputFlags): Promise<void> {
  const [model, wheels] = [modelSource(cli, flags), wheelFolder(cli, flags)];
  const settings = gatewaySettings(cli, flags);
  const steps = await planSetUp(cli, flags);
  const { stateDirectory, pkiDirectory } = findPlace(cli, flags);
  const layout = layoutOf(stateDirectory, pkiDirectory, flags.portBase ?? defaultPortBase);
  const { addresses, dashboard } = layout;
  const answers =
    model?.model ?? (settings === undefined ? 'the offline policy' : `upstreams of ${flags.gatewayConfig}`);
  if (flags.output === 'json') {
    printJson(cli.stdout, {
      stateDirectory,
      addresses,
      dashboard: `http://${dashboard}/`,
      model: answers,
      wheels,
      steps,
    });
    return;
  }
  printAddresses(cli, layout);
  cli.stdout.write(`${'state'.padEnd(12)} ${stateDirectory}\n${'model'.padEnd(12)} ${answers}\n`);
}

/** Set-up, then the cluster. */
export async function bringUp(cli: CliContext, flags: UpFlags): Promise<Cluster> {
  const model = modelSource(cli, flags);
  const setup = await setUp(cli, flags);
  const place = findPlace(cli, flags);
  const gpus = findGpus(cli.env).length;
  const { startCluster } = await import('../cluster/cluster.ts');
  return await startCluster(cli, {
    layout: layoutOf(place.stateDirectory, place.pkiDirectory, flags.portBase ?? defaultPortBase),
    cpuSlots: gpus > 0 ? 0 : (flags.slots ?? defaultCpuSlots),
    trajectoriesPerSlot: flags.trajectoriesPerSlot ?? 1,
    sandboxImage: setup.sandboxImage,
    dockerSocket: dockerSocket(cli.env),
    sandboxEnvironment: sandboxEnvironment(cli.env),
    hostName: localHostName,
    model,
    wheels: wheelFolder(cli, flags),
    gatewaySettings: gatewaySettings(cli, flags),
    tracesEndpoint: flags.tracesEndpoint ?? '',
  });
}

/** Checked here, where the user is: the daemon would only fail to start. */
function wheelFolder(cli: CliContext, { wheels }: UpFlags): string | undefined {
  if (wheels === undefined) return undefined;
  const path = resolve(cli.cwd, wheels);
  if (existsSync(path) && readdirSync(path).some((name) => name.endsWith('.whl'))) return path;
  throw new CliError(exitCodes.usage, `There are no wheels in ${path}.`, [`Fill it: pip download -d ${path} NAME …`]);
}

/** Waits until the user stops it or a daemon is given up; stops the rest either way. */
async function serve(cli: CliContext, cluster: Cluster): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    if (cli.signal.aborted) resolve();
    else cli.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  try {
    await Promise.race([stopped, cluster.done]);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw causedBy(error, exitCodes.failure, `The cluster has stopped: ${harmless(message)}`, ['doubleblind doctor']);
  } finally {
    cli.stderr.write(cli.stderr.style.dim('stopping …\n'));
    await cluster.stop();
  }
}

/** Starts the same command in a session of its own and waits until its cluster serves. */
async function detach(cli: CliContext, flags: UpFlags & OutputFlags, stateDirectory: string): Promise<void> {
  // Set-up first, here, where its progress is seen.
  await setUp(cli, flags);
  const words = process.argv.slice(2).filter((word) => word !== '-d' && word !== '--detach');
  const logFile = join(stateDirectory, 'logs', 'up.log');
  mkdirSync(join(stateDirectory, 'logs'), { recursive: true, mode: 0o700 });
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(process.execPath, [join(cli.root, 'cli/main.ts'), ...words], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: cli.cwd,
  });
  closeSync(log);
  let ended: { readonly code: number } | undefined;
  child.once('exit', (code) => {
    ended = { code: code ?? exitCodes.failure };
  });
  child.unref();
  while (runningCluster(stateDirectory)?.ready !== true) {
    if (ended !== undefined) {
      cli.signal.throwIfAborted();
      // The steps of set-up were seen already; the child repeats them before it says what went wrong.
      const lines = harmless(readFileSync(logFile, 'utf8'))
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('✓'));
      throw new CliError(ended.code, `The cluster did not start:\n${lines.join('\n').replace(/^doubleblind: /, '')}`);
    }
    // It has a session of its own: nobody but us tells it that it is wanted no longer. What it says then is ours to say.
    if (cli.signal.aborted && !child.killed) child.kill('SIGTERM');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { portBase = defaultPortBase } = flags;
  const dashboard = `http://127.0.0.1:${portBase}/`;
  if (flags.output === 'json') {
    const addresses = clusterRecord(stateDirectory)?.addresses ?? {};
    printJson(cli.stdout, { pid: child.pid, stateDirectory, addresses, dashboard });
    return;
  }
  cli.stdout.write(`The cluster is running as process ${child.pid}; doubleblind down stops it.\n`);
  cli.stdout.write(`Dashboard: ${dashboard}\n`);
}
