// After a whole run, every hidden label is looked for in every place: bundles, prompts, transcripts, artifacts, journals, outboxes,
// the store of NATS, logs and reports; the evaluator's own directory, where they lie locked; Docker's layers, containers and
// volumes; heartbeats as the coordinator hears them; what the daemons say to each other, in the clear (wire.ts); environments and
// arguments; and, of the evaluator, its memory. Each hidden label is a number that occurs nowhere else. Beside each place stands a positive control: a
// canary that was planted there and must be found, because a sweep that finds nothing anywhere proves nothing.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type NatsConnection } from 'nats';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CanaryTask, makeCanaryTask } from '../../../evaluator-node/testing/canary-task.ts';
import { openVault } from '../../../evaluator-node/vault/vault.ts';
import { inboxPrefix } from '../../../shared/bus/messages.ts';
import { present } from '../../../shared/core/assert.ts';
import { freePortBase, startTestCluster, type TestCluster } from '../../support/cluster.ts';
import { measured } from '../../support/measured.ts';
import { filesBelow, hits, tokensIn, tokensInMemory } from './needles.ts';
import { type Opened, openCapture } from './wire.ts';

const dockerRoot = '/var/lib/docker';
const planted = '7.7770123456789012';
const startedAt = Date.now();
let started: TestCluster | undefined;
let taskDirectory: string;
let tap: ChildProcess;
let captured: string;
let keyLog: string;
let bus: NatsConnection | undefined;
const heard: Buffer[] = [];

beforeAll(async () => {
  taskDirectory = mkdtempSync(join(tmpdir(), 'doubleblind-canary-'));
  captured = join(taskDirectory, 'loopback');
  keyLog = join(taskDirectory, 'secrets');
  // Before the cluster: a connection is opened by what is said at its beginning.
  const portBase = await freePortBase();
  tap = await startTap(portBase, captured);
  started = await startTestCluster({
    slots: 2,
    portBase,
    env: { NODE_OPTIONS: `--import=${keyLogging()} --tls-keylog=${keyLog}` },
  });
  bus = await listenToHeartbeats(started);
});

afterAll(async () => {
  await bus?.close();
  tap.kill();
  await started?.stop();
  rmSync(taskDirectory, { recursive: true, force: true });
});

const portBaseOf = ({ addresses }: TestCluster): number => Number(addresses.COORDINATOR.split(':')[1]) - 1;

/** Writes down what goes over the loopback from and to the ports of the cluster. */
function startTap(portBase: number, path: string): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'capture.py');
  const child = spawn('python3', [script, String(portBase), '8', path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the tap ended with ${code}`)));
    child.stdout.once('data', () => resolve(child));
  });
}

/**
 * A module that has all daemons of `up` write the secrets of their TLS connections. It goes in by the command's own environment, because
 * the command hands no settings of Node on to daemons.
 */
function keyLogging(): string {
  const path = join(taskDirectory, 'key-logging.mjs');
  const text = `
    import childProcess from 'node:child_process';
    import { syncBuiltinESMExports } from 'node:module';
    const { spawn } = childProcess;
    const more = { NODE_OPTIONS: '--tls-keylog=${keyLog}' };
    childProcess.spawn = (command, words, options) => spawn(command, words, { ...options, env: { ...options.env, ...more } });
    syncBuiltinESMExports();
  `;
  writeFileSync(path, text);
  return path;
}

/** Sends the planted canary in the clear over a port that is tapped. */
async function plantOnLoopback(cluster: TestCluster): Promise<void> {
  const server = createServer((socket) => socket.resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // From a port of the cluster that no daemon uses: what the tap looks at is the port on either side.
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  await new Promise<void>((resolve, reject) => {
    const socket = dial({ host: '127.0.0.1', port, localPort: portBaseOf(cluster) + 7 });
    socket.once('error', reject);
    socket.end(`label ${planted}\n`, resolve);
  });
  server.close();
}

function busAddress(stateDirectory: string): string {
  const config = readFileSync(join(stateDirectory, 'etc', 'coordinator.yaml'), 'utf8');
  return /servers:\s+- (\S+)/.exec(config)?.[1]?.replaceAll(/["']/g, '') ?? '';
}

/** What the coordinator hears of hosts, read with its certificate; results lie in the store of NATS, which is swept as files. */
async function listenToHeartbeats({ stateDirectory }: TestCluster): Promise<NatsConnection> {
  const pki = join(stateDirectory, 'pki');
  const files = {
    caFile: join(pki, 'ca.crt'),
    certFile: join(pki, 'coordinator.crt'),
    keyFile: join(pki, 'coordinator.key'),
  };
  const connection = await connect({
    ...{
      servers: busAddress(stateDirectory),
      tls: files,
      reconnect: false,
      inboxPrefix: inboxPrefix({ role: 'coordinator', name: 'local' }),
    },
  });
  connection.subscribe('doubleblind.v1.heartbeat.*', { callback: (_, { data }) => heard.push(Buffer.from(data)) });
  return connection;
}

/** Sends the planted canary as a heartbeat of the host, which only its certificate may. */
async function plantAsHeartbeat({ stateDirectory }: TestCluster): Promise<void> {
  const pki = join(stateDirectory, 'pki');
  const connection = await connect({
    servers: busAddress(stateDirectory),
    tls: {
      caFile: join(pki, 'ca.crt'),
      certFile: join(pki, 'gpu-agent.crt'),
      keyFile: join(pki, 'gpu-agent.key'),
    },
    reconnect: false,
  });
  connection.publish('doubleblind.v1.heartbeat.local', `{"planted":${planted}}`);
  await connection.drain();
}

/** A container of the sandbox's image with the planted canary in its layer; gives what removes it. */
function plantInContainer(): () => void {
  const docker = (...words: string[]): string => execFileSync('docker', words, { encoding: 'utf8' }).trim();
  const id = docker('create', 'doubleblind/sandbox-cpu', 'true');
  const file = join(taskDirectory, 'planted');
  writeFileSync(file, `label ${planted}\n`);
  docker('cp', file, `${id}:/tmp/planted`);
  return () => void docker('rm', id);
}

/** A process that is taken for one of the cluster's, with the planted canary in its environment. */
function plantInProcess({ stateDirectory }: TestCluster): ChildProcess {
  return spawn('sleep', ['600'], { env: { LABEL: planted }, argv0: stateDirectory });
}

/** Environments and arguments of all processes of the cluster. */
function processTexts(stateDirectory: string): Buffer {
  const parts = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`);
        return words.includes(stateDirectory) ? [words, readFileSync(`/proc/${pid}/environ`)] : [];
      } catch {
        return [];
      }
    });
  expect(parts.length, 'processes of the cluster').toBeGreaterThan(8);
  return Buffer.concat(parts);
}

test('after a run, no hidden label is in any place but locked with the evaluator', async ({ task: running }) => {
  const task: CanaryTask = await makeCanaryTask(taskDirectory, 'sweep');
  const cluster = present(started, 'the cluster');
  const imported = await cluster.run('task', 'import', taskDirectory);
  expect(imported.code, imported.stderr).toBe(0);
  const run = await cluster.run('run', task.name, '--candidates', '3', '--budget', '4m', '--seed', '5');
  expect(run.code, run.stderr).toBe(0);

  const evaluator = join(cluster.stateDirectory, 'evaluator');
  const outside = filesBelow(cluster.stateDirectory, { excluded: evaluator });
  const train = outside.filter((path) => path.endsWith('/train.csv')).map((path) => readFileSync(path, 'utf8'));
  expect(train.length, 'the bundle that the sandboxes saw').toBeGreaterThan(0);
  const hidden = task.hiddenTokens(train.join('\n'));
  expect(hidden.length).toBeGreaterThan(60);

  // Files, with a canary beside them.
  writeFileSync(join(cluster.stateDirectory, 'logs', 'planted.log'), `score ${planted}\n`);
  const files = filesBelow(cluster.stateDirectory, { excluded: evaluator });
  expect(hits(files, [...hidden, planted]).map(({ token }) => token)).toEqual([planted]);
  const own = filesBelow(evaluator);
  expect(hits(own, hidden), 'labels in the clear with the evaluator').toEqual([]);
  expect(statSync(evaluator).mode & 0o077, "nobody else may look into the evaluator's directory").toBe(0);
  expect(keptTokens(evaluator, task.name, hidden).size, 'labels that the vault gives to who has the keys').toBe(
    hidden.length,
  );

  // Docker's own files that are newer than the test.
  const unplant = plantInContainer();
  const docker = ['containers', 'volumes', 'overlay2', 'tmp'].flatMap((folder) =>
    filesBelow(join(dockerRoot, folder), { since: startedAt }),
  );
  const inDocker = hits(docker, [...hidden, planted]).map(({ token }) => token);
  unplant();
  expect([...new Set(inDocker)]).toEqual([planted]);

  // What was said, in the clear.
  await plantOnLoopback(cluster);
  await plantAsHeartbeat(cluster);
  await expect.poll(() => tokensIn(spoken().plain, [planted]), { timeout: 30_000 }).toEqual([planted]);
  const { plain, openedBytes, lockedBytes, connections } = spoken();
  expect(tokensIn(plain, hidden)).toEqual([]);
  // Positive control: labels of the training rows, which agents may see, are of the same form and did travel.
  const shown = trainLabels(train[0] ?? '').slice(0, 40);
  expect(shown.length).toBe(40);
  expect(tokensIn(plain, shown)).toEqual(shown);
  expect(plain.includes('doubleblind.v1.heartbeat')).toBe(true);
  // What stays locked are this test's own connections to the bus, whose heartbeats it has heard; their other end writes no secrets.
  expect([...lockedBytes.keys()]).toEqual([Number(busAddress(cluster.stateDirectory).split(':')[1])]);
  await expect.poll(() => tokensIn(Buffer.concat(heard), [planted]), { timeout: 20_000 }).toEqual([planted]);
  expect(tokensIn(Buffer.concat(heard), hidden)).toEqual([]);
  const witness = plantInProcess(cluster);
  await expect.poll(() => tokensIn(processTexts(cluster.stateDirectory), [planted])).toEqual([planted]);
  expect(tokensIn(processTexts(cluster.stateDirectory), hidden)).toEqual([]);
  witness.kill();
  const { length } = hidden;
  const megabytes = (openedBytes / 1e6).toFixed(1);
  measured(
    running,
    `${length} labels: 0 in ${files.length} files, ${own.length} of the evaluator, ${docker.length} of Docker, ${megabytes} MB that ${connections} TLS connections said in the clear, ${heard.length} heartbeats; a planted canary was found in each place`,
  );
}, 600_000);

const spoken = (): Opened => openCapture(readFileSync(captured), readFileSync(keyLog, 'utf8'));

/** Answers of the training rows, as tokens. */
function trainLabels(csv: string): string[] {
  const [head = '', ...rows] = csv.trim().split('\n');
  const at = head.split(',').indexOf('token');
  return rows.map((row) => row.split(',')[at] ?? '');
}

/** The hidden tokens that the vault gives to somebody with its keys. */
function keptTokens(evaluator: string, name: string, hidden: readonly string[]): Set<string> {
  const truth = labelsOf(evaluator, name, ['search', 'validation', 'test']);
  return new Set(hidden.filter((token) => truth.has(Number(token))));
}

function labelsOf(evaluator: string, name: string, opens: readonly ('search' | 'validation' | 'test')[]): Set<number> {
  const vault = openVault(evaluator, { opens });
  const { truth } = vault.hiddenRows(vault.findTask(name)?.version ?? '');
  vault.close();
  return new Set(truth);
}

test('the evaluator that scored and sealed has search labels in its memory, and no validation or test label', async ({
  task: running,
}) => {
  const cluster = present(started, 'the cluster');
  const evaluator = join(cluster.stateDirectory, 'evaluator');
  const { name } = await makeCanaryTask(mkdtempSync(join(tmpdir(), 'doubleblind-canary-')), 'sweep');
  const some = (opens: readonly ('search' | 'validation' | 'test')[]): string[] =>
    [...labelsOf(evaluator, name, opens)]
      .filter((label) => !Number.isNaN(label))
      .slice(0, 12)
      .map(String);
  const [search, validation, official] = [some(['search']), some(['validation']), some(['test'])];
  const { found, bytes } = tokensInMemory(present(cluster.pidOf('evaluator-node'), 'the evaluator'), [
    ...search,
    ...validation,
    ...official,
  ]);
  // The positive control: what it may have is there.
  expect(search.filter((token) => found.has(token))).toEqual(search);
  expect([...validation, ...official].filter((token) => found.has(token))).toEqual([]);
  const searched = Math.round(bytes / 1e6);
  measured(
    running,
    `${searched} MB of its memory: ${search.length} of ${search.length} search labels, 0 of ${validation.length + official.length} others`,
  );
});
