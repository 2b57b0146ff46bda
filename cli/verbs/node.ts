// `node …`: the hosts.

import { type Command, Option } from 'commander';
import { type CliContext, type PlaceFlags, printJson } from '../context.ts';
import type { Host, Slot } from '../core/model.ts';
import { bytes, duration, minute, timeLeft } from '../core/quantity.ts';
import { oneLine } from '../core/text.ts';
import { CliError, exitCodes } from '../exit-codes.ts';
import type { Coordinator } from '../rpc/coordinator.ts';
import { type Column, renderFields, renderTable, type Screen } from '../terminal/table.ts';
import {
  type DryRunFlags,
  durationFlag,
  type OutputFlags,
  withCoordinator,
  withDryRun,
  withOutput,
  withPlace,
} from '../verb.ts';
import { showPicture, type WatchFlags, withWatch } from '../watched.ts';

type Flags = PlaceFlags & OutputFlags & DryRunFlags;

const hostColumns: readonly Column<Host>[] = [
  { title: 'HOST', value: (host) => host.host },
  { title: 'STATE', value: (host) => host.state },
  { title: 'SLOTS', value: (host) => String(host.slots.length), align: 'right' },
  {
    title: 'ATTEMPTS',
    value: (host) => String(runningOn(host)),
    align: 'right',
  },
  { title: 'UNHEALTHY', value: (host) => String(host.slots.filter(isUnhealthy).length), align: 'right' },
  { title: 'HEARTBEAT', value: (host) => `${duration(host.heartbeatAgeSeconds)} ago`, align: 'right' },
  { title: 'ADDRESS', value: (host) => host.address },
  { title: 'VERSION', value: (host) => host.version },
  { title: 'SINCE', value: (host) => minute(host.since) || '–' },
  { title: 'BY', value: (host) => host.by || '–' },
  { title: 'REASON', value: (host) => host.reason, width: 50 },
];

const slotColumns: readonly Column<Slot>[] = [
  { title: 'SLOT', value: (slot) => slot.slotId },
  { title: 'KIND', value: (slot) => slot.kind },
  { title: 'DEVICE', value: (slot) => slot.deviceName || '–' },
  {
    title: 'MEMORY',
    value: (slot) => (slot.deviceMemoryBytes > 0 ? bytes(slot.deviceMemoryBytes) : '–'),
    align: 'right',
  },
  { title: 'HEALTH', value: (slot) => (slot.healthReason ? `${slot.health}: ${slot.healthReason}` : slot.health) },
  { title: 'BUSY', value: (slot) => `${slot.attempts.length} of ${slot.capacity}`, align: 'right' },
  { title: 'ATTEMPTS', value: (slot) => slot.attempts.map((attempt) => attempt.attemptId).join(', ') || '–' },
];

function isUnhealthy(slot: Slot): boolean {
  return slot.health !== '' && slot.health !== 'healthy';
}

export function addNode(program: Command, cli: CliContext): void {
  const group = program.command('node').description('the hosts: ls, describe, cordon, drain, uncordon');
  const ls = withWatch(withOutput(withPlace(group.command('ls').description('list the hosts'))));
  ls.action(async (flags: Flags & WatchFlags) => {
    await withCoordinator(cli, flags, (coordinator) =>
      showPicture(cli, flags, async () => {
        const hosts = await coordinator.listHosts();
        const text = hosts.length === 0 ? '' : renderTable(hosts, hostColumns, cli.stdout);
        return { json: hosts, text, nothing: 'No host has reported yet. `doubleblind logs gpu-agent` may say why.' };
      }),
    );
  });
  const describe = group.command('describe').description('one host and its slots').argument('<host>');
  withOutput(withPlace(describe)).action(async (name: string, flags: Flags) => {
    const host = await withCoordinator(cli, flags, (coordinator) => findHost(coordinator, name));
    show(host, flags, cli);
  });
  const cordon = group
    .command('cordon')
    .description('take a host out of planning; running attempts go on')
    .argument('<host>')
    .option('--reason <text>', 'why, for those who come later', '');
  withDryRun(withOutput(withPlace(cordon))).action(async (name: string, flags: Flags & { reason: string }) => {
    const host = await withCoordinator(cli, flags, async (coordinator) => {
      const { host: full } = await findHost(coordinator, name);
      return await coordinator.cordonHost(full, flags.reason);
    });
    show(host, flags, cli);
  });
  addDrain(group, cli);
  const uncordon = group.command('uncordon').description('put a host back into planning').argument('<host>');
  withDryRun(withOutput(withPlace(uncordon))).action(async (name: string, flags: Flags) => {
    const host = await withCoordinator(cli, flags, async (coordinator) => {
      const { host: full } = await findHost(coordinator, name);
      return await coordinator.uncordonHost(full);
    });
    show(host, flags, cli);
  });
}

interface DrainFlags extends Flags {
  readonly deadline: number;
  readonly reason: string;
  readonly detach?: boolean;
}

function addDrain(group: Command, cli: CliContext): void {
  const drain = group
    .command('drain')
    .description('end the work of a host: nothing new starts there, and what runs at the deadline goes elsewhere')
    .argument('<host>')
    .addOption(
      new Option('--deadline <time>', 'how long running attempts may go on, such as 90m')
        .argParser(durationFlag)
        .default(7200, '2h'),
    )
    .option('--reason <text>', 'why, for those who come later', '')
    .option('--detach', 'do not wait for the end');
  withDryRun(withOutput(withPlace(drain))).action(async (name: string, flags: DrainFlags) => {
    await withCoordinator(cli, flags, async (coordinator) => {
      const { host: full } = await findHost(coordinator, name);
      let host = await coordinator.drainHost(full, flags.reason, flags.deadline);
      if (host.state === 'draining' && host.drainSecondsLeft < flags.deadline - 5) {
        cli.stderr.write(`It is drained already, with an earlier deadline, which stays: ${drainText(host)}.\n`);
      }
      let told = '';
      const isLeft = flags.detach === true || flags.dryRun === true;
      while (host.state === 'draining' && !isLeft && !cli.signal.aborted) {
        const news = drainNews(host);
        if (news !== told) cli.stderr.write(`${drainText(host)}\n`);
        told = news;
        await pause(cli.signal);
        host = await findHost(coordinator, full);
      }
      show(host, flags, cli);
      if (host.state === 'drained' || isLeft) return;
      cli.stderr.write(`The drain goes on. See how far it is: doubleblind node describe ${full}\n`);
      cli.exitCode = cli.signal.aborted ? exitCodes.detached : exitCodes.failure;
    });
  });
}

function drainText(host: Host): string {
  const running = runningOn(host);
  const left = host.drainSecondsLeft > 0 ? `${timeLeft(host.drainSecondsLeft)} at most` : 'stopping them';
  return `${host.host}: ${running} ${running === 1 ? 'attempt runs' : 'attempts run'}, ${left}`;
}

/** Differs where it is worth another line: not for every second that has passed. */
function drainNews(host: Host): string {
  const stepSeconds = host.drainSecondsLeft <= 120 ? 10 : 60;
  return `${runningOn(host)} ${stepSeconds} ${Math.ceil(host.drainSecondsLeft / stepSeconds)}`;
}

function runningOn(host: Host): number {
  return host.slots.reduce((sum, slot) => sum + slot.attempts.length, 0);
}

/** A second, or until the user has enough. */
function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 1000);
    signal.addEventListener(
      'abort',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

async function findHost(coordinator: Coordinator, name: string): Promise<Host> {
  const hosts = await coordinator.listHosts();
  const exact = hosts.find((host) => host.host === name);
  const matching = hosts.filter((host) => host.host.startsWith(name));
  const [only] = matching;
  if (exact !== undefined) return exact;
  if (only !== undefined && matching.length === 1) return only;
  const names = hosts.map((host) => host.host).join(', ') || 'none';
  const what = matching.length > 1 ? `More than one host begins with ${name}` : `There is no host ${name}`;
  throw new CliError(exitCodes.notFound, `${what}; the hosts are: ${names}.`);
}

function show(host: Host, flags: Flags, cli: CliContext): void {
  if (flags.output === 'json') printJson(cli.stdout, host);
  else cli.stdout.write(`${hostText(host, cli.stdout)}\n`);
}

function hostText(host: Host, screen: Screen): string {
  const fields: (readonly [string, string])[] = [
    ['host', host.host],
    ['state', host.reason === '' ? host.state : `${host.state}: ${oneLine(host.reason)}`],
    ['since', host.since ?? '–'],
    ['by', host.by === '' ? '–' : host.by],
    ['address', host.address],
    ['version', host.version],
    ['largest sandbox', largestSandbox(host)],
    ['heartbeat', `${duration(host.heartbeatAgeSeconds)} ago`],
  ];
  return `${renderFields(fields, screen.style)}\n\n${renderTable(host.slots, slotColumns, screen)}`;
}

function largestSandbox({ largestSandboxCpus: cpus, largestSandboxMemoryBytes: memory }: Host): string {
  return cpus === 0 ? '–' : `${cpus} processors, ${bytes(memory)} of memory`;
}
