import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLocalPki } from '../../shared/pki/authority.ts';
import type { CliContext } from '../context.ts';
import { noStyle } from '../terminal/style.ts';
import { aptWords, missingPackage } from './apt.ts';
import { runLogged } from './command.ts';
import { askEngine, dockerSocket, imageIdOf, shortImageId } from './docker-engine.ts';
import { inspectSteps, runSteps, type SetupStep } from './step.ts';
import { certificatesStep } from './steps.ts';

let folder: string;
let printed: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'doubleblind-setup-'));
  printed = '';
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function context(signal = new AbortController().signal): CliContext {
  const output = {
    write: (text: string) => {
      printed += text;
    },
    isTerminal: false,
    canRedraw: false,
    columns: 100,
    rows: 40,
    style: noStyle,
  };
  return { env: {}, cwd: folder, root: folder, stdout: output, stderr: output, signal, exitCode: 0 };
}

interface FakeStep extends SetupStep {
  runs: number;
}

function step(name: string, options: { done?: boolean; missing?: string; works?: boolean } = {}): FakeStep {
  let done = options.done ?? false;
  const fake: FakeStep = {
    runs: 0,
    name,
    isDone: () => Promise.resolve(done ? '1.0' : undefined),
    whatIsMissing: () =>
      Promise.resolve(
        options.missing === undefined ? undefined : { what: options.missing, commands: [`install ${name}`] },
      ),
    run: (report) => {
      fake.runs += 1;
      report('working');
      done = options.works ?? true;
      return Promise.resolve();
    },
  };
  return fake;
}

test('each step says one line with its time; what is there already is left alone', async () => {
  const steps = [step('first', { done: true }), step('second')];
  await runSteps(steps, context());
  expect(steps.map((one) => one.runs)).toEqual([0, 1]);
  expect(printed).toMatch(/^✓ first 1\.0 \(0\.0 s\)\n… second\n {4}working\n✓ second 1\.0 \(0\.0 s\)\n$/);
});

test('everything that is missing is told at once with its command, exit code 6, and nothing is changed', async () => {
  const steps = [step('first'), step('second', { missing: 'a second' }), step('third', { missing: 'a third' })];
  await expect(runSteps(steps, context())).rejects.toMatchObject({
    exitCode: 6,
    nextSteps: ['• a second', '    install second', '• a third', '    install third'],
  });
  expect(steps.map((one) => one.runs)).toEqual([0, 0, 0]);
});

test('a step that ran in vain is a failure, not a success', async () => {
  await expect(runSteps([step('odd', { works: false })], context())).rejects.toMatchObject({ exitCode: 6 });
});

test('Ctrl-C stops before the next step, and the next time goes on there', async () => {
  const stopping = new AbortController();
  const steps = [step('first'), step('second')];
  const first = steps[0] as FakeStep;
  const original = first.run;
  first.run = async (report) => {
    await original(report);
    stopping.abort();
  };
  await expect(runSteps(steps, context(stopping.signal))).rejects.toMatchObject({ name: 'AbortError' });
  expect(steps.map((one) => one.runs)).toEqual([1, 0]);
  await runSteps(steps, context());
  expect(steps.map((one) => one.runs)).toEqual([1, 1]);
});

test('looking changes nothing', async () => {
  const steps = [step('first', { done: true }), step('second', { missing: 'x' })];
  expect((await inspectSteps(steps)).map((one) => [one.found, one.missing?.what])).toEqual([
    ['1.0', undefined],
    [undefined, 'x'],
  ]);
  expect(steps.map((one) => one.runs)).toEqual([0, 0]);
});

test('without root or apt-get the command for a person is named', () => {
  const machine = { isRoot: false, hasApt: true, hasSystemd: true, system: 'Debian GNU/Linux 12' };
  expect(missingPackage(machine, 'nats-server', 'nats-server')?.commands).toEqual([
    'sudo apt-get install -y nats-server',
  ]);
  expect(missingPackage({ ...machine, isRoot: true }, 'x', 'x')).toBeUndefined();
  expect(missingPackage({ ...machine, isRoot: true, hasApt: false, system: 'Plan 9' }, 'x', 'x')?.what).toContain(
    'Plan 9',
  );
});

test('the output of every command goes into the log, and its end comes back', async () => {
  const logFile = join(folder, 'logs/setup.log');
  const options = { logFile, signal: new AbortController().signal };
  const end = await runLogged(['sh', '-c', 'echo out; echo err >&2; exit 3'], options);
  expect(end.status).toBe(3);
  expect([...end.lastLines].sort((left, right) => left.localeCompare(right))).toEqual(['err', 'out']);
  expect(readFileSync(logFile, 'utf8')).toMatch(/--- .*: sh -c/);
  expect((await runLogged(['/no/such/program'], options)).status).toBeNull();
});

test('an engine is known by its answer; a socket that is silent, not there or something else is none', async () => {
  const socket = join(folder, 'docker.sock');
  expect(await askEngine(socket)).toEqual({ kind: 'silent' });
  let body = '{"Version":"20.10.24"}';
  const server = createServer((_request, response) => response.end(body));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  expect(await askEngine(socket)).toEqual({ kind: 'answers', version: '20.10.24' });
  body = 'hello';
  expect(await askEngine(socket)).toEqual({ kind: 'silent' });
  server.close();
  expect(dockerSocket({ DOCKER_HOST: 'unix:///x.sock' })).toBe('/x.sock');
  expect(() => dockerSocket({ DOCKER_HOST: 'tcp://host:1' })).toThrow('DOCKER_HOST is tcp://host:1');
});

test('an image has one name for people, the beginning of its id, whichever of its tags led to it', async () => {
  const socket = join(folder, 'engine.sock');
  const id = `sha256:${'0123456789abcdef'.repeat(4)}`;
  const known = /^\/images\/doubleblind\/sandbox-cpu:(latest|cd8ad01234567890)\/json$/;
  const server = createServer(({ url = '' }, response) => {
    if (!known.test(url)) response.statusCode = 404;
    response.end(JSON.stringify(known.test(url) ? { Id: id, RepoTags: ['a:latest'] } : { message: 'No such image' }));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const names = ['latest', 'cd8ad01234567890'].map((tag) => imageIdOf(socket, `doubleblind/sandbox-cpu:${tag}`));
  expect((await Promise.all(names)).map((found) => shortImageId(found ?? ''))).toEqual([
    'sha256:0123456789ab',
    'sha256:0123456789ab',
  ]);
  expect(await imageIdOf(socket, 'doubleblind/sandbox-cuda:latest')).toBeUndefined();
  server.close();
  expect(await imageIdOf(join(folder, 'nobody.sock'), 'doubleblind/sandbox-cpu:latest')).toBeUndefined();
});

test('what apt-get says is told without its addresses', () => {
  const lines = [
    'Get:1 http://mirror.test/debian bookworm InRelease [151 kB]',
    'Get:4 http://mirror.test/debian bookworm/main amd64 Packages [8790 kB]',
    'Get:1 http://mirror.test/debian bookworm/main amd64 nats-server amd64 2.9.10-1+b3 [3645 kB]',
    'Setting up nats-server (2.9.10-1+b3) ...',
    'Reading package lists...',
  ];
  expect(lines.map(aptWords)).toEqual([
    'fetching InRelease [151 kB]',
    'fetching Packages [8790 kB]',
    'fetching nats-server [3645 kB]',
    'Setting up nats-server (2.9.10-1+b3) ...',
    undefined,
  ]);
});

test('certificates are there only where the daemons would take them: of this authority, with their keys, for these names', async () => {
  const [directory, other] = [join(folder, 'pki'), join(folder, 'other')];
  const certificates = certificatesStep({ pkiDirectory: directory });
  const give = (...names: string[]): void => {
    for (const name of names) copyFileSync(join(other, name), join(directory, name));
  };
  expect(await certificates.isDone()).toBeUndefined();
  await certificates.run(() => undefined);
  expect(await certificates.isDone()).toMatch(/^authority /);
  await createLocalPki(other, 'another-host');
  // Another authority, another's key, another's name: set-up mends each by running again.
  for (const names of [['ca.crt', 'ca.key'], ['nats.key'], ['gpu-agent.crt', 'gpu-agent.key']]) {
    give(...names);
    expect(await certificates.isDone()).toBeUndefined();
    await certificates.run(() => undefined);
    expect(await certificates.isDone()).toMatch(/^authority /);
  }
});
