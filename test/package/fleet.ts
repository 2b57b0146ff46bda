// Three machines set up as docs/operations.md says, by its own commands and the package's examples: one with coordinator, gateway and NATS, the evaluator, and a host. Each is a
// container that systemd boots, on a network of their own without a way out. The host's sandboxes are made by this machine's engine,
// which is not in its name spaces: so the host shares the directory of its state and the engine's socket with this machine, and
// the proof of mounts, which looks at processes that cannot be seen from there, is off.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Booted, bootContainer, docker } from './booted-container.ts';
import { printed } from './page.ts';

interface Machines {
  /** Coordinator, gateway and NATS. */
  readonly head: Booted;
  readonly evaluator: Booted;
  readonly host: Booted;
}

export interface PackageFleet extends Machines {
  /** Runs a verb on the head, as its operator. */
  doubleblind(words: string): Promise<string>;
  stop(): Promise<void>;
}

const network = `doubleblind-fleet-${process.pid}`;
/** The unit's own directory cannot be at the same place on this machine; any other of root's can. */
const hostState = `/var/lib/doubleblind-fleet-${process.pid}`;
const engineSocket = '/var/run/docker.sock';

/** From the examples to what runs here: addresses, no provider, no GPUs, and the state that is shared with this machine. */
const changes: Readonly<Record<'coordinator' | 'llm-gateway' | 'evaluator' | 'gpu-agent' | 'sandbox-proxy', string>> = {
  coordinator: "sed -i 's/nats.example.org/head/; s/evaluator.example.org/evaluator/'",
  'llm-gateway': "sed -i '/^upstreams:/,/^metricsPort/{/^metricsPort/!d}'",
  evaluator: "sed -i ''",
  'gpu-agent': `sed -i 's/gpu-1.example.org/host/; s/nats.example.org/head/; s/coordinator.example.org/head/; s/^slots:/slots:\\n  cpu: 2/; $ a stateDirectory: ${hostState}'`,
  'sandbox-proxy': `sed -i 's/sandbox-cuda/sandbox-cpu/; $ a agentStateDirectory: ${hostState}\\nmountProof: false'`,
};

/** Undefined with the reason printed where systemd cannot be booted here. */
export async function startPackageFleet(packagePath: string, scratch: string): Promise<PackageFleet | undefined> {
  const booted: Booted[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(booted.map((one) => one.stop()));
    await docker(['network', 'rm', network]);
    rmSync(hostState, { recursive: true, force: true });
  };
  mkdirSync(hostState, { mode: 0o711 });
  await docker(['network', 'create', '--internal', network]);
  const boot = async (host: string, shares: readonly string[] = []): Promise<Booted | undefined> => {
    const one = await bootContainer({ host, network, shares });
    if (one !== undefined) booted.push(one);
    return one;
  };
  try {
    const [head, evaluator] = [await boot('head'), await boot('evaluator')];
    const host = await boot('host', [hostState, engineSocket]);
    if (head === undefined || evaluator === undefined || host === undefined) {
      await stop();
      return undefined;
    }
    const machines = { head, evaluator, host };
    await haveEngine(host);
    for (const one of booted) {
      await one.copy(packagePath, '/doubleblind.deb');
      // The image leaves documents out, and the examples are among them.
      await one.sh("dpkg --path-include='/usr/share/doc/doubleblind/*' --install /doubleblind.deb");
    }
    await carryCertificates(machines, scratch);
    await configure(machines);
    const place = '--coordinator head:7441 --pki-dir /root/carry/alice';
    return { ...machines, doubleblind: (words) => head.sh(`doubleblind ${words} ${place}`), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The group that may use the engine, and a unit in the place of the engine's own. */
async function haveEngine(host: Booted): Promise<void> {
  const group = await host.sh(`stat -c %g ${engineSocket}`);
  await host.sh(`set -e
groupadd --gid ${group} docker
printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n' > /etc/systemd/system/docker.service
systemctl daemon-reload`);
}

/** One authority; each machine gets its own certificates and never the authority's key. */
async function carryCertificates({ head, evaluator, host }: Machines, scratch: string): Promise<void> {
  await head.sh(`set -e; cd /root\n${printed('pki init')}`);
  // What is for the same machine is copied as printed; between containers there is no scp.
  const copies = printed('scp -p')
    .split('\n')
    .filter((line) => !line.startsWith('scp '));
  await head.sh(`set -e; cd /root\n${copies.join('\n')}`);
  for (const [directory, there] of [
    ['evaluator', evaluator],
    ['gpu-1', host],
  ] as const) {
    const here = join(scratch, `carry-${directory}`);
    await head.fetch(`/root/carry/${directory}`, here);
    await there.copy(here, `/root/${directory}`);
    await there.sh(`cp /root/${directory}/* /etc/doubleblind/pki/`);
    rmSync(here, { recursive: true });
  }
}

async function configure({ head, evaluator, host }: Machines): Promise<void> {
  const examples = '/usr/share/doc/doubleblind/examples';
  const write = (one: Booted, role: keyof typeof changes): Promise<string> =>
    one.sh(`set -e; cp ${examples}/${role}.yaml /etc/doubleblind/\n${changes[role]} /etc/doubleblind/${role}.yaml`);
  await write(head, 'coordinator');
  await head.sh(`set -e\n${printed('dashboard.token')}`);
  await write(head, 'llm-gateway');
  await write(evaluator, 'evaluator');
  await write(host, 'gpu-agent');
  await write(host, 'sandbox-proxy');
  for (const one of [head, evaluator, host]) await one.sh('doubleblind config check');
  await head.sh(`set -e\n${printed('/etc/nats-server.conf')}`);
  // The directory that is shared with this machine is the unit's state here.
  await host.sh(`set -e
chown doubleblind-gpu-agent:doubleblind-gpu-agent ${hostState}
mkdir -p /etc/systemd/system/doubleblind-gpu-agent.service.d
printf '[Service]\nReadWritePaths=${hostState}\n' > /etc/systemd/system/doubleblind-gpu-agent.service.d/state.conf
systemctl daemon-reload`);
  for (const one of [head, evaluator, host]) await one.sh('systemctl enable --now doubleblind.target');
}

/** Imports the task that the package brings, as the page says. */
export async function importTask({ evaluator }: Machines): Promise<void> {
  await evaluator.sh(printed('task import DIR').replace('DIR', '/usr/lib/doubleblind/tasks/digits'));
}
