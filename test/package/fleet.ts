// Three machines set up as docs/operations.md says: one with coordinator, gateway and NATS, the evaluator, and a host. Each is a
// container that systemd boots, on a network of their own without a way out. The host's sandboxes are made by this machine's engine,
// which is not in its name spaces: so the host shares the directory of its state and the engine's socket with this machine, and
// the proof of mounts, which looks at processes that cannot be seen from there, is off.

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Booted, bootContainer, docker } from './booted-container.ts';

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

/** Certificates by the place that they are carried to: what `pki issue` is told, and the machine. */
const certificates: readonly (readonly [string, keyof Machines])[] = [
  ['coordinator --name local --host head', 'head'],
  ['llm-gateway --name local --host head', 'head'],
  ['nats --name local --host head', 'head'],
  ['operator --name alice', 'head'],
  ['evaluator --name local --host evaluator', 'evaluator'],
  ['gpu-agent --name gpu-1 --host host', 'host'],
];

const settings = {
  coordinator:
    "{listen: '0.0.0.0:7441', nats: {servers: ['head:7445']}, evaluator: {address: 'evaluator:7443'}, gateway: {address: 'head:7444'}}",
  'llm-gateway': "{listen: '0.0.0.0:7444'}",
  evaluator: "{listen: '0.0.0.0:7443'}",
  'gpu-agent': `{listen: '0.0.0.0:7442', advertise: 'host:7442', nats: {servers: ['head:7445']}, coordinator: {address: 'head:7441'}, gateway: {address: 'head:7444'}, slots: {cpu: 2}, stateDirectory: ${hostState}}`,
  'sandbox-proxy': `{agentStateDirectory: ${hostState}, mountProof: false}`,
} as const;

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
    const place = '--coordinator head:7441 --pki-dir /root/carry/operator';
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
async function carryCertificates(machines: Machines, scratch: string): Promise<void> {
  const { head } = machines;
  await head.sh('cd /root && doubleblind pki init --pki-dir authority');
  for (const [words, machine] of certificates) {
    const role = words.split(' ')[0] ?? '';
    await head.sh(`cd /root && doubleblind pki issue ${words} --out carry/${role} --pki-dir authority`);
    if (role === 'operator') continue;
    const here = join(scratch, `carry-${role}`);
    await head.fetch(`/root/carry/${role}`, here);
    const there = machines[machine];
    await there.copy(here, `/root/${role}`);
    await there.sh(`mkdir -p /etc/doubleblind/pki && cp /root/${role}/* /etc/doubleblind/pki/`);
    rmSync(here, { recursive: true });
  }
}

async function configure({ head, evaluator, host }: Machines) {
  const write = (one: Booted, role: keyof typeof settings): Promise<string> =>
    one.sh(`cat > /etc/doubleblind/${role}.yaml <<X\n${settings[role]}\nX`);
  await write(head, 'coordinator');
  await write(head, 'llm-gateway');
  await write(evaluator, 'evaluator');
  await write(host, 'gpu-agent');
  await write(host, 'sandbox-proxy');
  await head.sh(`set -e
mkdir -p /etc/systemd/system/nats-server.service.d
cp /usr/share/doc/doubleblind/examples/nats-server.conf /etc/systemd/system/nats-server.service.d/doubleblind.conf
doubleblind config nats --hosts gpu-1 --key /run/nats/tls.key > /etc/nats-server.conf
systemctl daemon-reload && systemctl enable nats-server && systemctl restart nats-server`);
  // The directory that is shared with this machine is the unit's state here.
  await host.sh(`set -e
chown doubleblind-gpu-agent:doubleblind-gpu-agent ${hostState}
mkdir -p /etc/systemd/system/doubleblind-gpu-agent.service.d
printf '[Service]\nReadWritePaths=${hostState}\n' > /etc/systemd/system/doubleblind-gpu-agent.service.d/state.conf
systemctl daemon-reload`);
  for (const one of [head, evaluator, host]) await one.sh('systemctl enable --now doubleblind.target');
}
