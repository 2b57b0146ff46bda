// `npm run bench -- sandbox [ROUNDS]`: what a sandbox costs beside the engine's own command line and its interface. Ours goes
// through the sandbox proxy, checks after its start that the engine made what was asked for, and answers tools in sessions.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSandboxImage } from '../deploy/docker/sandbox-image.ts';
import { createDockerSandboxEngine } from '../gpu-agent/sandbox/docker-sandbox.ts';
import type { Sandbox, SandboxEngine, SandboxSpec } from '../gpu-agent/sandbox/sandbox.ts';
import { sandboxKind, sandboxSpecSchema } from '../gpu-agent/sandbox/sandbox-kind.ts';
import { attemptId, runId, slotId } from '../shared/core/ids.ts';
import { silentLogger } from '../shared/log.ts';
import { createContainerHost } from '../shared/sandbox/container-host.ts';
import { connectDocker } from '../shared/sandbox/docker-engine.ts';
import { connectContainerHost } from '../shared/sandbox/proxy-client.ts';
import { startProxyServer } from '../shared/sandbox/proxy-server.ts';
import { packFiles } from '../shared/store/tree.ts';
import { program, requireDebian, versionOf } from './peers.ts';
import { type BenchReport, barChart, textTable, writeResults } from './results.ts';
import { inTurn } from './rounds.ts';
import { spreadOf } from './statistics.ts';

const defaultRounds = 10;
/** Cheap things are done so often in a round, and their mean taken. */
const repeats = 20;
/** What we promise: a no-op of a session, and an execution beside an exec of the engine's own. */
const promised = { noopMs: 10, execution: 1.1 };
const dockerSocket = '/var/run/docker.sock';
const programText = "open('/out/submission.csv', 'w').write('id,y\\n1,0\\n')\n";

const labels = {
  coldOurs: 'cold: made, checked, first Python answer, removed',
  coldRun: 'cold: docker run --rm … python3 -c pass',
  executeOurs: 'execution of `true` in a sandbox',
  execApi: 'exec of `true` by the engine’s interface',
  execCli: 'docker exec … true',
  bashOurs: 'session: bash `true`',
  pythonOurs: 'session: python `pass`',
  slateOurs: 'clean slate: made, solution in, run, submission out, removed',
  slateCli: 'clean slate by hand: docker run --rm -v … python3 main.py',
} as const;
type Label = keyof typeof labels;

interface Setting {
  readonly engine: SandboxEngine;
  readonly spec: SandboxSpec;
  readonly warm: Sandbox;
  readonly image: string;
  /** A container of the same image that the command line made. */
  readonly container: string;
  readonly directory: string;
}

/** `npm run bench -- sandbox [ROUNDS]`. */
export async function benchSandbox(words: readonly string[]): Promise<BenchReport> {
  const rounds = Number(words[0] ?? defaultRounds);
  if (!(rounds > 0)) throw new RangeError('takes a number of rounds');
  requireDebian([program('docker', 'docker.io')]);
  await using stack = new AsyncDisposableStack();
  const setting = await open(stack);
  const contestants = contestantsOf(setting);
  // One round that does not count: the page cache and the compilers are warm afterwards.
  for (const once of Object.values(contestants)) await once();
  const measured = await inTurn(rounds, contestants);
  return report(measured, rounds);
}

async function open(stack: AsyncDisposableStack): Promise<Setting> {
  const { imageId: image } = await ensureSandboxImage({ log: (line) => process.stderr.write(`${line}\n`) });
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-bench-'));
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const bundle = join(directory, 'bundle');
  mkdirSync(bundle, { mode: 0o755 });
  writeFileSync(join(bundle, 'train.csv'), 'id,y\n1,0\n');
  for (const name of ['solution', 'out']) {
    mkdirSync(join(directory, name));
    // The image's user is not ours.
    chmodSync(join(directory, name), 0o777);
  }
  writeFileSync(join(directory, 'solution', 'main.py'), programText);
  chmodSync(directory, 0o755);
  const limits = { memoryBytes: 2 ** 30, cpus: 2, diskBytes: 2 ** 30, pids: 256, containers: 8 };
  const installation = `bench-${randomBytes(4).toString('hex')}`;
  const kind = sandboxKind({ image, installation, bundleRoot: tmpdir(), limits });
  const socketPath = join(directory, 'sandbox.sock');
  const host = createContainerHost(connectDocker(), kind);
  stack.adopt(await startProxyServer({ socketPath, host, spec: sandboxSpecSchema, log: silentLogger }), (it) =>
    it.stop(),
  );
  const engine = createDockerSandboxEngine(connectContainerHost(socketPath));
  const spec: SandboxSpec = {
    ...{ runId: runId('bench'), attemptId: attemptId('bench'), epoch: 1, slotId: slotId('cpu-0'), purpose: 'explore' },
    ...{ bundleDirectory: bundle, memoryBytes: 2 ** 29, cpus: 1, diskBytes: 2 ** 26, pids: 128, environment: {} },
  };
  const warm = stack.adopt(await engine.create(spec), (it) => it.remove());
  const started = docker('run', '-d', '--rm', '--network', 'none', '--entrypoint', 'sleep', image, '3600');
  stack.defer(() => void docker('rm', '-f', started));
  return { engine, spec, warm, image, container: started, directory };
}

/** The command line of the engine; throws where it fails. */
function docker(...words: string[]): string {
  const { status, stdout, stderr } = spawnSync('docker', words, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`docker ${words.join(' ')} failed: ${stderr}`);
  return stdout.trim();
}

function contestantsOf({
  engine,
  spec,
  warm,
  image,
  container,
  directory,
}: Setting): Record<Label, () => Promise<number>> {
  const call = { timeoutMs: 60_000 };
  const execution = { directory: '/work', timeoutMs: 60_000, maxLogBytes: 1000 };
  const isolated = ['run', '--rm', '--network', 'none', '--entrypoint', 'python3'];
  const mounts = ['-v', `${join(directory, 'solution')}:/work/solution:ro`, '-v', `${join(directory, 'out')}:/out`];
  return {
    coldOurs: () =>
      timed(1, async () => {
        const sandbox = await engine.create(spec);
        await sandbox.call({ kind: 'python', code: 'pass' }, call);
        await sandbox.remove();
      }),
    coldRun: () => timed(1, () => void docker(...isolated, image, '-c', 'pass')),
    executeOurs: () => timed(repeats, () => warm.execute(['true'], execution)),
    execApi: () => timed(repeats, () => execByInterface(container, ['true'])),
    execCli: () => timed(repeats, () => void docker('exec', container, 'true')),
    bashOurs: () => timed(repeats, () => warm.call({ kind: 'bash', command: 'true' }, call)),
    pythonOurs: () => timed(repeats, () => warm.call({ kind: 'python', code: 'pass' }, call)),
    slateOurs: () => timed(1, () => cleanSlate(engine, spec)),
    slateCli: () => timed(1, () => void docker(...isolated, ...mounts, image, '/work/solution/main.py')),
  };
}

async function cleanSlate(engine: SandboxEngine, spec: SandboxSpec): Promise<void> {
  const solution = await packFiles([{ path: 'main.py', bytes: Buffer.from(programText), executable: false }]);
  const sandbox = await engine.create({ ...spec, purpose: 'cleanSlate' });
  await sandbox.putTree(solution, '/work/solution');
  const options = { directory: '/work/solution', timeoutMs: 60_000, maxLogBytes: 1000 };
  const { end, log } = await sandbox.execute(['python3', 'main.py'], options);
  const submission = await sandbox.takeFile('/out/submission.csv', 1000);
  await sandbox.remove();
  if (end !== 'completed' || !submission.ok) throw new Error(`the clean-slate run came to nothing: ${end} ${log}`);
}

/** Mean milliseconds of one time. */
async function timed(times: number, work: () => unknown): Promise<number> {
  const startedMs = performance.now();
  for (let time = 0; time < times; time += 1) await work();
  return (performance.now() - startedMs) / times;
}

/** The engine's floor: its two requests, without a program of the command line. */
async function execByInterface(container: string, command: readonly string[]): Promise<void> {
  const made = await post(`/containers/${container}/exec`, { Cmd: command, AttachStdout: true, AttachStderr: true });
  const { Id: id } = JSON.parse(made) as { readonly Id: string };
  await post(`/exec/${id}/start`, { Detach: false, Tty: false });
}

function post(path: string, body: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const sent = request({ socketPath: dockerSocket, path, method: 'POST', headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
      response.on('end', () => {
        if ((response.statusCode ?? 500) < 300) resolve(text);
        else reject(new Error(`${path}: ${response.statusCode} ${text}`));
      });
    });
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

function report(measured: Readonly<Record<Label, number[]>>, rounds: number): BenchReport {
  const rows = (Object.keys(labels) as Label[]).map((label) => ({ label, ...spreadOf(measured[label]) }));
  const medianOf = (label: Label): number => rows.find((row) => row.label === label)?.median ?? Number.NaN;
  const lines = rows.map(({ label, median, low, high }) => [
    labels[label],
    `${median.toFixed(1)} (${low.toFixed(1)}–${high.toFixed(1)})`,
  ]);
  const bars = rows.map(({ label, median }) => ({ label, value: median, series: label.endsWith('Ours') ? 0 : 1 }));
  const engine = versionOf('docker', 'version', '--format', '{{.Server.Version}}');
  const path = writeResults('sandbox', { rounds, repeats, engine, rows }, barChart('A sandbox', 'ms', bars));
  const broken: string[] = [];
  for (const label of ['bashOurs', 'pythonOurs'] as const) {
    const ms = medianOf(label);
    if (ms > promised.noopMs) broken.push(`${labels[label]} takes ${ms.toFixed(1)} ms, not ${promised.noopMs}`);
  }
  const times = medianOf('executeOurs') / medianOf('execApi');
  if (times > promised.execution) broken.push(`an execution takes ${times.toFixed(2)} × an exec of the engine's own`);
  const text = `Milliseconds, median (range) of ${rounds} rounds; Docker ${engine}.\n${textTable([['', 'ms'], ...lines])}${path}\n`;
  return { text, broken };
}
