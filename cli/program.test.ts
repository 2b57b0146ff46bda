// Exit codes and words of everything that goes wrong before or without a cluster.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exitCodeOf } from './run-end.ts';
import { runVerb } from './testing/run-verb.ts';
import { sampleReport, sampleRun } from './testing/sample-run.ts';
import { startStubCoordinator } from './testing/stub-coordinator.ts';

let empty: string;

beforeAll(() => {
  empty = mkdtempSync(join(tmpdir(), 'doubleblind-cli-'));
});

afterAll(() => {
  rmSync(empty, { recursive: true, force: true });
});

test('an unknown verb, flag or value is a usage error that suggests the nearest', async () => {
  const verb = await runVerb(['reslts']);
  expect(verb.code).toBe(2);
  expect(verb.stderr).toContain('Did you mean results?');
  const flag = await runVerb(['ls', '--limt', '3']);
  expect(flag.code).toBe(2);
  expect(flag.stderr).toContain('Did you mean --limit?');
  for (const words of [
    ['run'],
    ['ls', '-n', 'many'],
    ['ls', '-o', 'xml'],
    ['run', 'digits', '--budget', 'soon'],
    ['run', 'digits', '--budget', '5'],
    ['run', 'digits', '--crossover', '2'],
    ['run', 'digits', '--operators', 'draft,clone'],
    ['task'],
  ]) {
    expect([words, (await runVerb(words)).code]).toEqual([words, 2]);
  }
});

test('a number that is too small is told the least that there is, whatever is wrong with it', async () => {
  for (const number of ['0', '-5', '1.5', 'many']) {
    const { code, stderr } = await runVerb(['run', 'digits', '-c', number]);
    expect([number, code, stderr]).toEqual([
      number,
      2,
      expect.stringContaining('It must be a whole number, 1 or more.'),
    ]);
  }
  expect((await runVerb(['run', 'digits', '--seed', '-1'])).stderr).toContain('a whole number, 0 or more.');
});

test('where -o is a file, the name of a format is refused with the way to write such a file', async () => {
  for (const words of [['report'], ['audit', 'export']]) {
    for (const format of ['json', 'table']) {
      const seen = await runVerb([...words, 'r-1', '-o', format, '--state-dir', empty]);
      expect(seen).toMatchObject({ code: 2, stderr: expect.stringContaining(`./${format} writes one of that name`) });
    }
    // A path is one.
    expect((await runVerb([...words, 'r-1', '-o', './json', '--state-dir', empty])).code).toBe(6);
  }
});

test('help and version are no failures and go to standard output', async () => {
  for (const words of [[], ['help'], ['--help'], ['run', '--help'], ['--version'], ['version'], ['node', 'help']]) {
    const seen = await runVerb(words);
    expect([words, seen.code, seen.stderr]).toEqual([words, 0, '']);
    expect(seen.stdout).not.toBe('');
  }
});

test('the help of run tells what a run has where nothing is said; of a fork that is what its origin had', async () => {
  const { stdout } = await runVerb(['run', '--help']);
  expect(stdout).toContain('ends after 1 d 0 h');
  expect(stdout).toContain('12 h 00 min, 60 turns, 30 min 00 s a tool call');
  expect(stdout).toContain('9 h 00 min a solution, 4 GiB, 1 processor');
  expect(stdout).toContain('probability of a crossover (0.15)');
  expect((await runVerb(['fork', '--help'])).stdout).not.toMatch(/probability of a crossover \(|ends after 1 d/);
});

test('without certificates it says who makes them; without a coordinator who does not answer', async () => {
  const none = await runVerb(['ls', '--state-dir', empty]);
  expect(none.code).toBe(6);
  expect(none.stderr).toContain('doubleblind pki init');
  await runVerb(['pki', 'init', '--state-dir', empty]);
  const away = await runVerb(['ls', '--state-dir', empty, '--coordinator', '127.0.0.1:1']);
  expect(away.code).toBe(69);
  expect(away.stderr).toContain('coordinator at 127.0.0.1:1 does not answer (connection refused)');
  expect(away.stderr).not.toMatch(/^\s+at /m);
});

test('a certificate of another authority is refused in a sentence', async () => {
  const stub = await startStubCoordinator();
  try {
    const seen = await runVerb(['ls', '--coordinator', stub.address, '--state-dir', empty]);
    expect(seen.code).toBe(69);
    expect(seen.stderr).toMatch(/certificate/);
  } finally {
    await stub.stop();
  }
});

test('a run that nobody won ends with 4, one that was watched until Ctrl-C with 130', async () => {
  const stub = await startStubCoordinator({ winner: false });
  try {
    const words = ['--coordinator', stub.address, '--state-dir', stub.stateDirectory];
    const lost = await runVerb(['run', 'digits', ...words]);
    expect(lost.code).toBe(4);
    expect(lost.stdout).toContain('without a valid candidate');
    const stopping = new AbortController();
    stopping.abort();
    const left = await runVerb(['watch', ...words], { signal: stopping.signal });
    expect(left.code).toBe(130);
    expect(left.stderr).toContain('The run goes on');
  } finally {
    await stub.stop();
  }
});

test('a budget that cut the run short is told by exit code 5, a planned end by 0', () => {
  const { run } = sampleReport({ candidates: 10 });
  const options = { candidates: 50 } as NonNullable<typeof run.options>;
  expect(exitCodeOf({ ...run, endReason: 'candidates', options }, 'run')).toBe(0);
  expect(exitCodeOf({ ...run, endReason: 'wall-clock', options }, 'run')).toBe(5);
  expect(exitCodeOf({ ...run, endReason: 'wall-clock', options }, 'quickstart')).toBe(0);
  expect(exitCodeOf({ ...run, endReason: 'wall-clock' }, 'run')).toBe(0);
  expect(exitCodeOf({ ...run, endReason: 'dollars' }, 'run')).toBe(5);
  expect(exitCodeOf({ ...run, endReason: 'cancelled' }, 'run')).toBe(1);
  expect(exitCodeOf(sampleRun({ state: 'sealed' }), 'run')).toBe(4);
});

test('a packaged task with a slip in its name is told before any set-up', async () => {
  const seen = await runVerb(['quickstart', '--task', 'digitz', '--state-dir', empty]);
  expect(seen.code).toBe(3);
  expect(seen.stderr).toContain('did you mean digits?');
});

test('a --state-dir without its directory is refused, and never taken for the default one', async () => {
  for (const words of [['rekey'], ['import', 'tasks/digits'], ['rekey', '--dry-run']]) {
    for (const flag of [['--state-dir'], ['--state-dir', '--config'], ['--state-dir=']]) {
      const seen = await runVerb(['task', ...words, ...flag]);
      expect([flag, seen.code, seen.stderr]).toEqual([flag, 2, 'doubleblind: --state-dir needs a directory.\n']);
    }
  }
});

test('a seed is replayed in a checkout alone, which is said elsewhere', async () => {
  const root = join(empty, 'installed');
  mkdirSync(root);
  writeFileSync(join(root, 'package.json'), '{"version":"0.1.0"}');
  const seen = await runVerb(['replay', '--seed', '1'], { root });
  expect(seen).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(/not installed[\s\S]*checkout of the same version/),
  });
});

test('an endpoint is taken with its model and a key file that only its owner can read', async () => {
  const key = join(empty, 'key');
  writeFileSync(key, 'secret', { mode: 0o644 });
  const words = ['up', '--state-dir', empty, '--openai-base-url'];
  const open = await runVerb([...words, 'https://models.test/v1', '--model', 'm', '--openai-key-file', key]);
  expect(open.code).toBe(2);
  expect(open.stderr).toContain(`chmod 600 ${key}`);
  expect((await runVerb([...words, 'https://models.test/v1'])).stderr).toContain('no model');
  expect((await runVerb([...words, 'models.test', '--model', 'm'])).code).toBe(2);
});

test('nothing in a note steers the terminal', async () => {
  const stub = await startStubCoordinator();
  try {
    const seen = await runVerb(['results', '--all', '--coordinator', stub.address, '--state-dir', stub.stateDirectory]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(seen.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  } finally {
    await stub.stop();
  }
});
