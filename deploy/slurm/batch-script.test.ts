// The batch script under a stand-in for Node that notes how it was called: flags that the agent takes, and a drain at the time limit.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { configSchema } from '../../gpu-agent/config.ts';
import { labels } from '../../gpu-agent/sandbox/container-spec.ts';
import { proxyConfigSchema } from '../../gpu-agent/socket-proxy/config.ts';
import { loadConfig } from '../../shared/daemon/config.ts';
import { waitFor } from '../../test/support/wait-for.ts';

const script = join(import.meta.dirname, 'gpu-agent.sbatch');
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doubleblind-slurm-'));
  mkdirSync(join(directory, 'bin'));
  // Says what it was given, then runs until it is told to end.
  const stub = `#!/bin/bash
case $1 in
  */socket-proxy/main.ts)
    shift; printf '%s\\n' "$@" > ${directory}/proxy
    exec python3 -c 'import socket,sys,time; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); time.sleep(600)' "$2" ;;
esac
shift
printf '%s\\n' "$@" > ${directory}/called
trap 'echo drained > ${directory}/ended; exit 0' TERM
while :; do sleep 0.1; done
`;
  writeFileSync(join(directory, 'bin/node'), stub);
  // An engine with one sandbox, for whoever asks by the right label.
  const engine = `#!/bin/bash
echo "$@" >> ${directory}/engine
[ "$1" = rm ] || echo sandbox-1
`;
  writeFileSync(join(directory, 'bin/docker'), engine);
  for (const name of ['node', 'docker']) chmodSync(join(directory, 'bin', name), 0o755);
});
afterEach(() => rmSync(directory, { recursive: true }));

function start(): { readonly child: ChildProcess; readonly done: Promise<{ code: number | null; stderr: string }> } {
  const env = {
    PATH: `${join(directory, 'bin')}:${process.env['PATH'] ?? ''}`,
    DOUBLEBLIND_HOME: directory,
    DOUBLEBLIND_PKI: join(directory, 'pki'),
    DOUBLEBLIND_STATE: join(directory, 'state'),
    DOUBLEBLIND_COORDINATOR_ADDRESS: 'coordinator.lan:7441',
    DOUBLEBLIND_GATEWAY_ADDRESS: 'coordinator.lan:7444',
    DOUBLEBLIND_NATS_SERVERS: 'n1.lan:7445,n2.lan:7445',
    SLURMD_NODENAME: 'gpu-1',
    SLURM_JOB_ID: '17',
  };
  const child = spawn('bash', [script], { env });
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  return { child, done: new Promise((resolve) => child.once('close', (code) => resolve({ code, stderr }))) };
}

test('the agent gets flags and an environment that it takes, and drains when Slurm warns of the time limit', async () => {
  mkdirSync(join(directory, 'pki/gpu-1'), { recursive: true });
  for (const file of ['ca.crt', 'gpu-agent.crt', 'gpu-agent.key'])
    writeFileSync(join(directory, 'pki/gpu-1', file), '');
  const { child, done } = start();
  const called = join(directory, 'called');
  await waitFor(
    'the agent to be called',
    async () => existsSync(called) && readFileSync(called, 'utf8').includes('--tls-key'),
  );
  const linesOf = (name: string): string[] => readFileSync(join(directory, name), 'utf8').trimEnd().split('\n');
  const argv = linesOf('called');
  const env = {
    DOUBLEBLIND_COORDINATOR_ADDRESS: 'coordinator.lan:7441',
    DOUBLEBLIND_GATEWAY_ADDRESS: 'coordinator.lan:7444',
    DOUBLEBLIND_NATS_SERVERS: 'n1.lan:7445,n2.lan:7445',
  };
  const config = loadConfig({ role: 'gpu-agent', schema: configSchema, argv, env, files: [] });
  expect(config).toMatchObject({
    advertise: 'gpu-1:7442',
    stopPatienceMs: 540_000,
    nats: { servers: ['n1.lan:7445', 'n2.lan:7445'] },
  });
  const proxy = loadConfig({
    role: 'sandbox-proxy',
    schema: proxyConfigSchema,
    argv: linesOf('proxy'),
    env: {},
    files: [],
  });
  expect(proxy.listen).toBe(config.sandbox.proxySocket);
  expect(proxy.image).toBe('doubleblind/sandbox-cuda');
  expect(proxy.agentStateDirectory).toBe(config.stateDirectory);
  child.kill('SIGTERM');
  expect(await done).toEqual({ code: 0, stderr: '' });
  expect(readFileSync(join(directory, 'ended'), 'utf8')).toBe('drained\n');
  // The label by which the proxy knows its own (gpu-agent/socket-proxy/main.ts).
  const installation = createHash('sha256').update(config.stateDirectory).digest('hex').slice(0, 16);
  expect(linesOf('engine')).toEqual([
    `ps --all --quiet --filter label=${labels.installation}=${installation}`,
    'rm --force sandbox-1',
  ]);
});

test('a state directory that others may change, or that only points elsewhere, is not used', async () => {
  mkdirSync(join(directory, 'pki/gpu-1'), { recursive: true });
  for (const file of ['ca.crt', 'gpu-agent.crt', 'gpu-agent.key'])
    writeFileSync(join(directory, 'pki/gpu-1', file), '');
  const state = join(directory, 'state');
  const refusal = { code: 6, stderr: expect.stringContaining('is not a directory of this user alone') };
  mkdirSync(state);
  chmodSync(state, 0o777);
  expect(await start().done).toMatchObject(refusal);
  rmSync(state, { recursive: true });
  mkdirSync(join(directory, 'elsewhere'), { mode: 0o700 });
  symlinkSync(join(directory, 'elsewhere'), state);
  expect(await start().done).toMatchObject(refusal);
  expect(existsSync(join(directory, 'called'))).toBe(false);
});

test('a node without a certificate is told how to get one', async () => {
  expect(await start().done).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('doubleblind pki issue gpu-agent --name gpu-1'),
  });
});

test('Slurm is asked for one node with a GPU, and warns the script itself before the time limit', () => {
  execFileSync('bash', ['-n', script]);
  const wishes = [...readFileSync(script, 'utf8').matchAll(/^#SBATCH --([a-z-]+)(?:=(\S+))?$/gm)].map(
    ([, name, value]) => [name, value],
  );
  expect(Object.fromEntries(wishes)).toMatchObject({
    nodes: '1',
    ntasks: '1',
    'gpus-per-node': '1',
    signal: 'B:TERM@600',
  });
  const known = [
    'job-name',
    'nodes',
    'exclusive',
    'ntasks',
    'gpus-per-node',
    'cpus-per-task',
    'mem',
    'time',
    'signal',
    'requeue',
    'output',
  ];
  expect(wishes.filter(([name]) => !known.includes(name ?? ''))).toEqual([]);
});
