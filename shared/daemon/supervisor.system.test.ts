import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { silentLogger } from '../log.ts';
import { type ChildSpec, type Supervisor, startSupervisor } from './supervisor.ts';

const directory = (): string => mkdtempSync(join(tmpdir(), 'doubleblind-supervisor-'));
const supervisors: Supervisor[] = [];
afterEach(async () => {
  for (const supervisor of supervisors.splice(0)) await supervisor.stop();
});

function shell(name: string, root: string, script: string, more: Partial<ChildSpec> = {}): ChildSpec {
  const flag = join(root, `${name}.ready`);
  return {
    name,
    command: '/bin/sh',
    args: ['-c', script],
    env: { PATH: '/usr/bin:/bin', ROOT: root, FLAG: flag },
    logFile: join(root, 'logs', `${name}.log`),
    ready: async () => existsSync(flag),
    ...more,
  };
}

async function supervise(children: ChildSpec[], limits: { maxRestarts?: number } = {}): Promise<Supervisor> {
  const supervisor = await startSupervisor({ children, log: silentLogger, ...limits });
  supervisors.push(supervisor);
  return supervisor;
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test('children start without waiting for one another and stop in reverse', async () => {
  const root = directory();
  // Each is ready only when all of them run, so that starting one by one would never end.
  const script = (name: string): string =>
    `trap 'echo stop ${name} >> $ROOT/story; exit 0' TERM; touch $ROOT/${name}.runs; ` +
    'while :; do [ -e $ROOT/a.runs -a -e $ROOT/b.runs -a -e $ROOT/c.runs ] && touch $FLAG; sleep 0.05; done';
  const supervisor = await supervise(['a', 'b', 'c'].map((name) => shell(name, root, script(name))));
  await supervisor.stop();
  const story = readFileSync(join(root, 'story'), 'utf8').trim().split('\n');
  expect(story).toEqual(['stop c', 'stop b', 'stop a']);
  await supervisor.done;
});

test('a child that is killed is started again, the others are left alone', async () => {
  const root = directory();
  const script = 'touch $FLAG; exec sleep 1000';
  const supervisor = await supervise([shell('a', root, script), shell('b', root, script)]);
  const [a, b] = [supervisor.pidOf('a') ?? 0, supervisor.pidOf('b')];
  process.kill(a, 'SIGKILL');
  await expect.poll(() => supervisor.pidOf('a') ?? a, { timeout: 20_000 }).not.toBe(a);
  expect(supervisor.pidOf('b')).toBe(b);
});

test('a log that has grown long is set aside when its child starts', async () => {
  const root = directory();
  const child = shell('a', root, 'echo hello; touch $FLAG; exec sleep 1000');
  mkdirSync(join(root, 'logs'));
  writeFileSync(child.logFile, 'old');
  truncateSync(child.logFile, 64 * 2 ** 20 + 1);
  await supervise([child]);
  expect(readFileSync(child.logFile, 'utf8')).toBe('hello\n');
  expect(statSync(`${child.logFile}.1`).size).toBe(64 * 2 ** 20 + 1);
});

test('a child that keeps failing is given up in a sentence with its last words and its log, and nothing is left running', async () => {
  const root = directory();
  const good = shell('good', root, 'echo $$ > $ROOT/pid; touch $FLAG; exec sleep 1000');
  const bad = shell('bad', root, 'echo the port is taken >&2; exit 3');
  const failure = await supervise([good, bad], { maxRestarts: 1 }).catch((error: unknown) => String(error));
  expect(failure).toContain('bad keeps failing: it exited with status 3, 2 times');
  expect(failure).toContain('It last said: the port is taken.');
  expect(failure).toContain(bad.logFile);
  expect(alive(Number(readFileSync(join(root, 'pid'), 'utf8')))).toBe(false);
});

test('a child that was ready and then keeps failing ends everything through done', async () => {
  const root = directory();
  const flaky = shell('flaky', root, 'touch $FLAG; sleep 0.1; exit 1');
  const supervisor = await supervise([flaky], { maxRestarts: 2 });
  await expect(supervisor.done).rejects.toThrow('flaky keeps failing');
});

test('starting can be given up, and what had started is stopped', async () => {
  const root = directory();
  const controller = new AbortController();
  const first = shell('first', root, 'echo $$ > $ROOT/pid; touch $FLAG; exec sleep 1000');
  const never = shell('never', root, 'exec sleep 1000', {
    ready: async () => {
      if (readFileSync(join(root, 'pid'), { encoding: 'utf8', flag: 'a+' }).trim() !== '') controller.abort();
      return false;
    },
  });
  const starting = startSupervisor({ children: [first, never], log: silentLogger, signal: controller.signal });
  await expect(starting).rejects.toThrow('stopped before everything had started');
  expect(alive(Number(readFileSync(join(root, 'pid'), 'utf8')))).toBe(false);
});

test('a command that does not exist is named', async () => {
  const missing = shell('missing', directory(), '', { command: '/no/such/program' });
  await expect(supervise([missing], { maxRestarts: 0 })).rejects.toThrow(/missing keeps failing.*no\/such\/program/s);
});

test('a child that ignores SIGTERM is killed after its deadline', async () => {
  const root = directory();
  const deaf = shell('deaf', root, "trap '' TERM; touch $FLAG; while :; do sleep 0.05; done", { stopTimeoutMs: 200 });
  const supervisor = await supervise([deaf]);
  const pid = supervisor.pidOf('deaf') ?? 0;
  await supervisor.stop();
  expect(alive(pid)).toBe(false);
});

test.runIf(process.platform === 'linux')('children end when the supervisor is killed', async () => {
  const root = directory();
  const module = join(import.meta.dirname, 'supervisor.ts');
  const program = `
    const { startSupervisor } = await import(${JSON.stringify(module)});
    const log = { debug() {}, info() {}, warn() {}, error() {}, child() { return log; } };
    const child = { name: 'a', command: '/bin/sleep', args: ['1000'], env: {}, logFile: ${JSON.stringify(join(root, 'a.log'))}, ready: async () => true };
    const supervisor = await startSupervisor({ children: [child], log });
    console.log(supervisor.pidOf('a'));`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pid = await new Promise<number>((resolve) =>
    parent.stdout.once('data', (data: Buffer) => resolve(Number(data))),
  );
  await expect.poll(() => readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('sleep\n');
  parent.kill('SIGKILL');
  await expect.poll(() => alive(pid), { timeout: 20_000 }).toBe(false);
});
