// Every verb that changes something has `--dry-run`, which changes nothing. A new verb fails here until one of the two lists has it.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildProgram } from './program.ts';
import { leafVerbs } from './testing/leaf-verbs.ts';
import { quietContext, runVerb, type Seen } from './testing/run-verb.ts';
import { type StubCoordinator, startStubCoordinator } from './testing/stub-coordinator.ts';
import { closingWords } from './verbs/quickstart.ts';

let stub: StubCoordinator;
let directory: string;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'doubleblind-dry-'));
  stub = await startStubCoordinator();
});
afterAll(async () => {
  await stub.stop();
  rmSync(directory, { recursive: true });
});

/** Verbs whose request the coordinator has to refuse to carry out: the words of a call, and what is shown. */
const remote: Readonly<Record<string, readonly [words: readonly string[], shows: RegExp]>> = {
  run: [['digits', '-c', '20', '--slots', '2', '--seed', '7'], /ends after +20 candidates\n.*\nseed +7/],
  fork: [['r-s', '-c', '30'], /goes on from +r-sample/],
  pause: [['r-s'], /r-sample: /],
  resume: [['r-s'], /r-sample: /],
  cancel: [['r-s'], /r-sample: /],
  kill: [['r-s', '--seal'], /r-sample: /],
  extend: [['r-s', '-c', '50'], /r-sample: /],
  steer: [['r-s', 'try trees'], /r-sample: /],
  release: [['#3', '--reason', 'looked at it'], /#3 is scored/],
  rm: [['r-s'], /^r-sample\n$/],
  'node cordon': [['local'], /cordoned/],
  'node drain': [['loc'], /draining/],
  'node uncordon': [['local'], /ready/],
};

/** Verbs that change this machine; each has a test of its own below or in the file named. */
const local = [
  ...['quickstart', 'setup', 'up', 'down', 'pki init', 'pki issue'],
  // evaluator-node/import/command.test.ts
  ...['task import', 'task init', 'task rekey'],
];

/** Verbs that only look. Those that write a file write the one that they were asked for. */
const readers = [
  ...[
    'watch',
    'ls',
    'show',
    'results',
    'tree',
    'diff',
    'logs',
    'transcript',
    'cost',
    'top',
    'node ls',
    'node describe',
  ],
  ...['report', 'export', 'audit export', 'audit verify', 'replay', 'score', 'task ls', 'task validate'],
  ...['doctor', 'pki show', 'config show', 'config check', 'config network', 'config nats', 'completion', 'version'],
];

const changing = [...Object.keys(remote), ...local];

test('every verb is known to change something or not, and exactly those that do have --dry-run', () => {
  const verbs = leafVerbs(buildProgram(quietContext()));
  expect(new Set(verbs.keys())).toEqual(new Set([...changing, ...readers]));
  for (const [verb, command] of verbs) {
    const has = command.options.some(({ long }) => long === '--dry-run');
    expect([verb, has]).toEqual([verb, changing.includes(verb)]);
  }
});

for (const [verb, [words, shows]] of Object.entries(remote)) {
  test(`${verb} --dry-run shows what would be and has nothing done`, async () => {
    const seen = await runVerb([
      ...[...verb.split(' '), ...words, '--dry-run'],
      ...['--coordinator', stub.address, '--state-dir', stub.stateDirectory],
    ]);
    expect(seen.code, seen.stderr).toBe(0);
    expect(seen.stdout).toMatch(shows);
    expect(seen.stderr).toContain('Dry run: nothing was changed');
    expect(stub.requests).toEqual([]);
  });
}

test('a coordinator that knows no dry runs is asked for nothing, because it would do it', async () => {
  const old = await startStubCoordinator({ version: '' });
  try {
    for (const [verb, [words]] of Object.entries(remote)) {
      const place = ['--coordinator', old.address, '--state-dir', old.stateDirectory];
      const seen = await runVerb([...verb.split(' '), ...words, '--dry-run', ...place]);
      expect([verb, seen.code]).toEqual([verb, 6]);
      expect(seen.stderr).toContain('knows no dry runs');
    }
    expect(old.requests).toEqual([]);
  } finally {
    await old.stop();
  }
});

async function dry(...words: string[]): Promise<Seen> {
  const before = readdirSync(directory, { recursive: true });
  const seen = await runVerb([...words, '--dry-run', '--state-dir', join(directory, 'state')]);
  expect(readdirSync(directory, { recursive: true })).toEqual(before);
  return seen;
}

test('pki tells which files it would make, and whether a pair would be kept', async () => {
  expect((await dry('pki', 'init')).stdout).toMatch(/ca\.crt\n.*ca\.key\n[\s\S]*operator\.key\n$/);
  const issue = ['pki', 'issue', 'gpu-agent', '--name', 'gpu-1', '--out', join(directory, 'out')];
  expect((await dry(...issue)).code).toBe(6);
  await runVerb(['pki', 'init', '--state-dir', join(directory, 'state')]);
  const again = await dry('pki', 'init');
  expect(again).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('none would be made') });
  expect((await dry(...issue)).stdout).toContain('gpu-agent/gpu-1: a new pair');
  await runVerb([...issue, '--state-dir', join(directory, 'state')]);
  expect((await dry(...issue)).stdout).toContain('the pair that was issued before');
  expect((await dry(...issue, '--renew')).stdout).toContain('a new pair');
});

test('setup, up and quickstart look at the machine and leave it as it is', async () => {
  for (const words of [['setup'], ['up', '--port-base', '7540'], ['quickstart', '-c', '3']]) {
    const seen = await dry(...words);
    // A machine where something is missing that set-up may not bring is told so, as by the real one.
    if (seen.code === 6) expect(seen.stderr).toContain('This machine lacks something');
    else expect([seen.code, seen.stderr]).toEqual([0, expect.stringMatching(/Certificates[\s\S]*Dry run/)]);
    if (seen.code === 0 && words[0] !== 'setup') expect(seen.stdout).toMatch(/^coordinator +127\.0\.0\.1:\d+$/m);
  }
  expect((await dry('up', '--wheels', directory)).code).toBe(2);
  expect((await dry('quickstart', '--task', 'digitz')).code).toBe(3);
});

test('to extend a run by nothing is a slip, and told', async () => {
  const seen = await runVerb(['extend', 'r-s', '--coordinator', stub.address, '--state-dir', stub.stateDirectory]);
  expect(seen).toMatchObject({ code: 2, stderr: expect.stringContaining('--candidates 80') });
  expect(stub.requests).toEqual([]);
});

test('the quick start says how its cluster comes up again, where it was', () => {
  expect(closingWords({}, '127.0.0.1:7440')).toMatch(
    /doubleblind up --detach\n.*tree {2}[\s\S]*http:\/\/127\.0\.0\.1:7440\/\n/,
  );
  const words = closingWords({ stateDir: '/srv/a b', portBase: 8440 }, '127.0.0.1:8440');
  expect(words).toContain("doubleblind up --detach --state-dir '/srv/a b' --port-base 8440\n");
  expect(words).toContain("doubleblind tree --state-dir '/srv/a b' ");
});

test('down names the cluster that it would stop', async () => {
  expect(await dry('down')).toMatchObject({ code: 0, stderr: expect.stringContaining('No cluster is running') });
});
