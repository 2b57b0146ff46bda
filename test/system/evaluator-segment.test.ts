// The evaluator's segment with the rules that `doubleblind config network` prints, each set of rules alone, on machines made
// of network namespaces: the coordinator reaches the evaluator's gRPC port, a host and a sandbox reach nothing of it, and it
// reaches nobody. The sandbox is a real one, weakened by a network card that it should not have; without rules every probe
// succeeds, so that a probe that fails is the rules' doing.

import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runVerb } from '../../cli/testing/run-verb.ts';
import { sorted } from '../../coordinator/core/order.ts';
import type { NetworkPlace } from '../../deploy/network/rules.ts';
import type { Sandbox } from '../../gpu-agent/sandbox/sandbox.ts';
import { dockerForTests, removeAll, sampleBundle, sampleSpec } from '../../gpu-agent/sandbox/sandbox-fixture.ts';
import { connectDocker } from '../../shared/sandbox/docker-engine.ts';
import { type Machine, makeNetwork, type Network, networkMissing, runOn, spawnOn } from '../support/network.ts';
import { waitFor } from '../support/wait-for.ts';

const grpcPort = 7443;
/** Another port that somebody left open on the evaluator's machine. */
const otherPort = 9100;
const missing = networkMissing();
const cleanUp: (() => void | Promise<void>)[] = [];

let network: Network;
let coordinator: Machine;
let host: Machine;
let evaluator: Machine;
let sandbox: Sandbox | undefined;

/** Runs a script on a machine or in the sandbox; gives what it printed. */
type Shell = (script: string) => Promise<string>;

beforeAll(async () => {
  if (missing !== undefined) return;
  network = makeNetwork();
  cleanUp.push(() => network.remove());
  [coordinator, host, evaluator] = [network.add('coordinator'), network.add('host'), network.add('evaluator')];
  for (const machine of [coordinator, host, evaluator]) await openPorts(machine);
  sandbox = await weakSandbox();
});

afterAll(async () => {
  for (const undo of cleanUp.reverse()) await undo();
});

async function openPorts(machine: Machine): Promise<void> {
  const command = [process.execPath, 'test/support/main-echo.ts', String(grpcPort), String(otherPort)];
  const child = spawnOn(machine, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanUp.push(() => void child.kill('SIGKILL'));
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await waitFor(`open ports on ${machine.name}`, () => said.includes('listening'), { timeoutMs: 60_000 });
}

/** A sandbox as agents get it, then joined to the host's network by hand. */
async function weakSandbox(): Promise<Sandbox | undefined> {
  const docker = await dockerForTests();
  if (docker === undefined) return undefined;
  const bundle = sampleBundle();
  const made = await docker.engine.create(sampleSpec(bundle));
  cleanUp.push(async () => {
    await removeAll(docker.engine);
    rmSync(bundle, { recursive: true });
  });
  const shell = inside(made);
  expect(await through(shell, 'sandbox', evaluator.address), 'a sandbox as it is has no network').toEqual([]);
  const { State } = (await connectDocker().inspect(made.identity.containerId)) as { State: { Pid: number } };
  const enter = ['nsenter', '-t', String(State.Pid), '-n'];
  const near = host.address.replace(/\.\d+$/, '.253');
  const own = host.address.replace(/\.\d+$/, '.254');
  await runOn(host, ['ip', 'link', 'add', 'box', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(State.Pid)]);
  await runOn(host, ['ip', 'addr', 'add', `${near}/30`, 'dev', 'box']);
  await runOn(host, ['ip', 'link', 'set', 'box', 'up']);
  await runOn(host, ['sysctl', '-q', '-w', 'net.ipv4.ip_forward=1']);
  await runOn(host, [...enter, 'ip', 'addr', 'add', `${own}/30`, 'dev', 'eth0']);
  await runOn(host, [...enter, 'ip', 'link', 'set', 'eth0', 'up']);
  await runOn(host, [...enter, 'ip', 'route', 'add', 'default', 'via', near]);
  await runOn(network.router, ['ip', 'route', 'add', `${own}/32`, 'via', host.address]);
  return made;
}

function on(machine: Machine): Shell {
  return (script) => runOn(machine, ['bash', '-c', script]);
}

function inside(box: Sandbox): Shell {
  return async (command) => (await box.call({ kind: 'bash', command }, { timeoutMs: 60_000 })).output;
}

/** What of a machine can be reached: each probe sends a line and needs an answer. `read` takes one byte, all that it may of UDP. */
async function through(shell: Shell, who: string, address: string): Promise<string[]> {
  const probes = [
    ['gRPC', 'tcp', grpcPort],
    ['another port', 'tcp', otherPort],
    ['UDP', 'udp', grpcPort],
  ] as const;
  const lines = probes.map(([name, kind, port]) => {
    const open = `exec 3<>/dev/${kind}/${address}/${port}`;
    return `timeout 3 bash -c '${open} && echo hello >&3 && read -t 2 -n 1 -u 3 line' 2>/dev/null && echo '${name}' &`;
  });
  const said = new Set((await shell(`${lines.join('\n')}\nwait`)).split('\n'));
  return probes.filter(([name]) => said.has(name)).map(([name]) => `${who}: ${name}`);
}

/**
 * What got through in the end: a busy machine may answer too late, so what should get through is tried again; what should not
 * never may, in any try.
 */
async function all(measure: () => Promise<string[]>, expected: readonly string[]): Promise<string[]> {
  const seen = new Set<string>();
  for (let tries = 0; tries < 10; tries += 1) {
    for (const name of await measure()) seen.add(name);
    if (expected.every((name) => seen.has(name))) break;
  }
  return sorted([...seen]);
}

/** Everything that reaches the evaluator. */
async function inbound(): Promise<string[]> {
  const { address, address6 } = evaluator;
  const reached = await Promise.all([
    through(on(coordinator), 'coordinator', address),
    through(on(coordinator), 'coordinator by IPv6', address6),
    through(on(host), 'host', address),
    through(on(host), 'host by IPv6', address6),
    ...(sandbox === undefined ? [] : [through(inside(sandbox), 'sandbox', address)]),
  ]);
  return reached.flat();
}

/** Everything that the evaluator reaches. */
async function outbound(): Promise<string[]> {
  const reached = await Promise.all(
    [coordinator, host].flatMap(({ name, address, address6 }) => [
      through(on(evaluator), `evaluator to ${name}`, address),
      through(on(evaluator), `evaluator to ${name} by IPv6`, address6),
    ]),
  );
  return reached.flat();
}

/** What the command line prints for a machine. */
async function rulesFor(place: NetworkPlace): Promise<string> {
  const both = ({ address, address6 }: Machine): string[] => [address, address6];
  const segment = [
    '--evaluator',
    `${both(evaluator).join(',')}:${grpcPort}`,
    '--coordinator',
    both(coordinator).join(','),
  ];
  const rendered = await runVerb(['config', 'network', place, ...segment]);
  expect(rendered.code, rendered.stderr).toBe(0);
  return rendered.stdout;
}

const kinds = ['UDP', 'another port', 'gRPC'];
const every = (...who: string[]): string[] => sorted(who.flatMap((name) => kinds.map((kind) => `${name}: ${kind}`)));
const onlyCoordinator = ['coordinator by IPv6: gRPC', 'coordinator: gRPC'];

test('without rules everybody reaches the evaluator, and it reaches everybody: the probes work', async ({ skip }) => {
  if (missing !== undefined) return skip(missing);
  const who = [
    'coordinator',
    'coordinator by IPv6',
    'host',
    'host by IPv6',
    ...(sandbox === undefined ? [] : ['sandbox']),
  ];
  expect(await all(inbound, every(...who))).toEqual(every(...who));
  const toWhom = ['coordinator', 'coordinator by IPv6', 'host', 'host by IPv6'].map((name) => `evaluator to ${name}`);
  expect(await all(outbound, every(...toWhom))).toEqual(every(...toWhom));
});

test('with the rules on the evaluator only the coordinator gets in, to the gRPC port, and nothing gets out', async ({
  skip,
}) => {
  if (missing !== undefined) return skip(missing);
  const rules = await rulesFor('evaluator');
  network.load(evaluator, rules);
  try {
    // Loading them again changes nothing.
    network.load(evaluator, rules);
    expect(await all(inbound, onlyCoordinator)).toEqual(onlyCoordinator);
    expect(await all(outbound, [])).toEqual([]);
    const itself = every('itself');
    expect(await all(() => through(on(evaluator), 'itself', '127.0.0.1'), itself)).toEqual(itself);
  } finally {
    network.unload(evaluator);
  }
});

test('with the rules on the router alone the same holds', async ({ skip }) => {
  if (missing !== undefined) return skip(missing);
  network.load(network.router, await rulesFor('router'));
  try {
    expect(await all(inbound, onlyCoordinator)).toEqual(onlyCoordinator);
    expect(await all(outbound, [])).toEqual([]);
  } finally {
    network.unload(network.router);
  }
});

test('with the rules on a host alone neither it nor its sandboxes reach the evaluator', async ({ skip }) => {
  if (missing !== undefined) return skip(missing);
  network.load(host, await rulesFor('host'));
  try {
    const expected = every('coordinator', 'coordinator by IPv6');
    expect(await all(inbound, expected)).toEqual(expected);
  } finally {
    network.unload(host);
  }
});

test('a flow that a host had open before the rules were loaded carries nothing more', async ({ skip }) => {
  if (missing !== undefined) return skip(missing);
  const script = `exec 3<>/dev/udp/${evaluator.address}/${otherPort}
    ask() { echo hello >&3; read -t 2 -n 1 -u 3 line; }
    until ask; do :; done; echo open; read go; for i in {1..20}; do ask || break; done; ask && echo leaked`;
  const child = spawnOn(host, ['bash', '-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  await waitFor('the first answer', () => said.includes('open'));
  network.load(evaluator, await rulesFor('evaluator'));
  try {
    child.stdin?.end('go\n');
    await ended;
    expect(said).toBe('open\n');
  } finally {
    network.unload(evaluator);
  }
});
