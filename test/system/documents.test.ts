// The pages for people, run as they stand: a page whose commands do not work is worse than none. A block that cannot run here
// says so to its readers (`# Not run by the tests: …`).

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { present } from '../../shared/core/assert.ts';
import { freePortBase, startTestCluster, type TestCluster } from '../support/cluster.ts';
import { type Block, reasonNotToRun, shellBlocks } from '../support/document-blocks.ts';
import { documentPaths } from '../support/documents.ts';

/** Whole searches in a file that may share its machine with others. */
vi.setConfig({ testTimeout: 900_000 });

let started: TestCluster | undefined;
let home: string;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'doubleblind-documents-'));
  makeTask(join(home, 'my-task'));
  mkdirSync(join(home, 'bin'));
  symlinkSync(resolve('deploy/bin/doubleblind'), join(home, 'bin/doubleblind'));
  started = await startTestCluster({ slots: 2 });
});

afterAll(async () => {
  // A test that ran out of time leaves its shell behind.
  for (const { pid, exitCode } of shells) if (exitCode === null && pid !== undefined) process.kill(-pid, 'SIGTERM');
  await started?.stop();
  rmSync(home, { recursive: true });
});

/** The folder that README.md speaks of: prices that two columns tell. */
function makeTask(folder: string): void {
  mkdirSync(folder);
  const rows = (from: number, to: number, line: (id: number) => string): string =>
    Array.from({ length: to - from }, (_, index) => `${line(from + index)}\n`).join('');
  const area = (id: number): number => 20 + ((id * 37) % 101);
  const rooms = (id: number): number => 1 + ((id * 7) % 5);
  const price = (id: number): number => 3 * area(id) + 10 * rooms(id) + ((id * 13) % 17);
  const train = rows(0, 400, (id) => `${id},${area(id)},${rooms(id)},${price(id)}`);
  writeFileSync(join(folder, 'train.csv'), `id,area,rooms,price\n${train}`);
  writeFileSync(join(folder, 'test.csv'), `id,area,rooms\n${rows(400, 450, (id) => `${id},${area(id)},${rooms(id)}`)}`);
  writeFileSync(join(folder, 'sample_submission.csv'), `id,price\n${rows(400, 450, (id) => `${id},0`)}`);
  writeFileSync(join(folder, 'description.md'), '# Prices\n\nPredict the price.\n');
}

const shells: ChildProcess[] = [];
const longestPageMs = 840_000;

/** In a process group of its own, so that all of it can be ended. */
function shell(script: string, env: Readonly<Record<string, string>>): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
      env: { ...process.env, ...env },
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    shells.push(child);
    // Before the test's own time is over, so that what it printed so far is told.
    const timer = setTimeout(() => child.pid && process.kill(-child.pid, 'SIGTERM'), longestPageMs);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? 1, output });
    });
  });
}

test('every call of docs/grpc.md works as printed', async () => {
  const cluster = present(started, 'the cluster');
  expect((await cluster.run('task', 'import', 'tasks/digits')).code).toBe(0);
  const [preamble, ...calls] = shellBlocks('docs/grpc.md');
  const setting = present(preamble, 'the block that sets the shell up').text;
  expect(calls.length).toBeGreaterThanOrEqual(20);

  const env: Record<string, string> = { PKI: join(cluster.stateDirectory, 'pki'), ...cluster.addresses };
  const run = async ({ line, text }: Block): Promise<string> => {
    const { code, output } = await shell(`${setting}\n${text}`, env);
    expect(code, `docs/grpc.md:${line}: ${text}\n${output}`).toBe(0);
    return output;
  };
  const seen: string[] = [];
  for (const block of calls) {
    // The page speaks of a run that is over and of one that is not; the first of them is the one that its own call 11 started.
    if (block.text.includes('$RUN') && !('RUN' in env)) {
      const [first] = await cluster.json<{ runId: string }[]>('ls');
      env['RUN'] = present(first, 'the run of call 11').runId;
      expect((await cluster.run('watch', env['RUN'])).code).toBe(0);
      env['CANDIDATE'] = `${env['RUN']}-0001`;
    }
    if (block.text.includes('$LIVE_RUN') && !('LIVE_RUN' in env)) {
      const { runId } = await cluster.json<{ runId: string }>('run', 'digits', '--candidates', '500', '--detach');
      env['LIVE_RUN'] = runId;
    }
    seen.push(await run(block));
  }
  const all = seen.join('\n');
  for (const word of [
    'EvaluatorService/SealRun',
    'SERVING',
    'HOST_STATE_CORDONED',
    'RUN_STATE_SEALED',
    'RUN_STATE_PAUSED',
    'publicKeyPem',
    'offline',
  ]) {
    expect(all, word).toContain(word);
  }
});

/** What stands on a page for things of the reader's own, and what it is here. */
function asHere(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((result, [from, to]) => result.replaceAll(from, to), text);
}

/** Runs the blocks of a page one after the other in one shell, as a reader would; says which one failed. */
async function runPage(path: string, replacements: Readonly<Record<string, string>>): Promise<string> {
  const cluster = present(started, 'the cluster');
  const blocks = shellBlocks(path).filter((block) => reasonNotToRun(block) === undefined);
  const lines = blocks.map(({ line, text }) => `echo "@@ ${path}:${line}"\n${asHere(text, replacements)}`);
  const env = {
    HOME: home,
    PATH: `${join(home, 'bin')}:${process.env['PATH'] ?? ''}`,
    DOUBLEBLIND_STATE_DIR: cluster.stateDirectory,
  };
  const { code, output } = await shell(`shopt -s expand_aliases\n${lines.join('\n')}`, env);
  expect(code, output).toBe(0);
  expect(output.split('\n').filter((line) => line.startsWith(`@@ ${path}:`))).toHaveLength(blocks.length);
  return output;
}

test("README.md: the first command brings a cluster, searches and reports; a folder of one's own is searched", async () => {
  const own = mkdtempSync(join(tmpdir(), 'doubleblind-first-'));
  const portBase = await freePortBase();
  const few = `--candidates 1 --slots 1 --port-base ${portBase} --state-dir ${own}`;
  // The quick start is the same command with fewer candidates, on ports of its own.
  const output = await runPage('README.md', {
    'npm start': `sh deploy/bin/doubleblind quickstart ${few}`,
    '--candidates 100 --budget 8h ': '--candidates 1 ',
  });
  expect(output).toContain('No language model took part in this run.');
  expect(output).toMatch(/Submission +.*my-task-\w+\/submission\.csv/);
  rmSync(own, { recursive: true, force: true });
});

test('docs/tutorial.md: from a Kaggle folder to a report, and a run that is changed on its way', async () => {
  const output = await runPage('docs/tutorial.md', {});
  for (const words of ['Winner', 'Validation', 'contents hold']) expect(output).toContain(words);
});

test('docs/operations.md: certificates, drains and replays work as printed', async () => {
  const cluster = present(started, 'the cluster');
  expect((await cluster.run('task', 'import', 'tasks/digits')).code).toBe(0);
  const { runId } = await cluster.json<{ runId: string }>('run', 'digits', '--candidates', '1', '--detach');
  expect((await cluster.run('kill', runId)).code).toBe(0);
  const output = await runPage('docs/operations.md', {
    carry: join(home, 'carry'),
    'gpu-17': 'local',
    'replay RUN': `replay ${runId}`,
    '/var/lib/doubleblind/coordinator': join(cluster.stateDirectory, 'coordinator'),
  });
  expect(output).toContain('drained');
  expect(output).toContain('runCreated');
});

test('set-up tells as JSON what is there', async () => {
  const steps = await present(started, 'the cluster').json<{ name: string; found: string }[]>('setup');
  expect(steps.map((step) => step.name)).toEqual(['nats-server', 'Docker engine', 'Sandbox image', 'Certificates']);
  for (const { name, found } of steps) expect(found, name).not.toBe('');
});

test('no page has commands that nothing runs', () => {
  const run = ['README.md', 'docs/grpc.md', 'docs/operations.md', 'docs/tutorial.md'];
  const left = documentPaths()
    .filter((path) => !run.includes(path))
    .flatMap(shellBlocks)
    .filter((block) => reasonNotToRun(block) === undefined);
  expect(left.map(({ path, line }) => `${path}:${line}`)).toEqual([]);
});
