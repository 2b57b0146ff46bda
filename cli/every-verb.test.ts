// Every verb is run by a test as a user would run it. A new verb fails here until the table says how it is tried, or which
// test tries it.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildProgram } from './program.ts';
import { leafVerbs } from './testing/leaf-verbs.ts';
import { quietContext, runVerb, type Seen } from './testing/run-verb.ts';
import { type StubCoordinator, startStubCoordinator } from './testing/stub-coordinator.ts';

interface Tried {
  /** Words after the verb. */
  readonly words: readonly string[];
  /** What standard output has. */
  readonly shows: RegExp;
  readonly code?: number;
  /** False for verbs that speak to no cluster. */
  readonly cluster?: false;
  /** True for verbs whose work another process does: they are run through the launcher. */
  readonly launched?: true;
}

/** A verb that needs more than this file has: the test that runs it, and the words of that test which do. */
interface TriedElsewhere {
  readonly file: string;
  readonly words: string;
}

let stub: StubCoordinator;
beforeAll(async () => {
  stub = await startStubCoordinator();
});
afterAll(async () => {
  await stub.stop();
});

const verbs: Readonly<Record<string, Tried | TriedElsewhere>> = {
  quickstart: { file: 'test/system/documents.test.ts', words: 'doubleblind quickstart' },
  setup: { file: 'test/system/documents.test.ts', words: "'setup'" },
  up: { file: 'test/support/cluster.ts', words: "'up'" },
  down: { words: ['-o', 'json'], shows: /"stopped": false/ },
  run: { words: ['digits', '--detach'], shows: /^r-sample\n$/ },
  watch: { words: [], shows: /Winner/ },
  ls: { words: [], shows: /^RUN +TASK/ },
  show: { words: ['r-sam'], shows: /r-sample/ },
  results: { words: [], shows: /RANK/ },
  tree: { words: [], shows: /#1 draft/ },
  diff: { words: ['c-0001', '--against', 'c-0002'], shows: /^/ },
  logs: { words: ['c-0003'], shows: /epoch 1/ },
  transcript: { words: ['#1'], shows: /turn 1/ },
  cost: { words: [], shows: /draft/ },
  report: { words: ['--format', 'md', '-o', '-'], shows: /## Verdict/ },
  export: { words: ['--format', 'jsonl'], shows: /^\{"kind":"run"/ },
  'audit verify': { file: 'cli/verbs/audit.system.test.ts', words: "audit('verify'" },
  'audit export': { file: 'cli/verbs/audit.system.test.ts', words: "audit('export'" },
  replay: { words: ['--seed', '1'], shows: /seed 1 at commit .* 0 problems/, cluster: false, launched: true },
  pause: { words: ['r-s'], shows: /r-sample: / },
  resume: { words: ['r-s'], shows: /r-sample: / },
  cancel: { words: ['r-s'], shows: /r-sample: / },
  kill: { words: ['r-s'], shows: /r-sample: / },
  rm: { words: ['r-s'], shows: /^r-sample\n$/ },
  steer: { words: ['r-s', 'try trees'], shows: /r-sample: / },
  release: { file: 'cli/verbs.test.ts', words: "run('release'" },
  fork: { words: ['r-s', '--candidates', '30', '--detach'], shows: /^r-/ },
  extend: { words: ['r-s', '--candidates', '50'], shows: /r-sample: / },
  'task ls': { words: [], shows: /digits/ },
  'task import': { file: 'test/system/documents.test.ts', words: "'task', 'import'" },
  'task init': { file: 'test/system/documents.test.ts', words: "runPage('README.md'" },
  'task rekey': { file: 'evaluator-node/import/command.test.ts', words: "run('rekey'" },
  'task validate': { words: ['tasks/digits'], shows: /digits/, cluster: false, launched: true },
  'node ls': { words: [], shows: /^HOST +STATE/ },
  'node describe': { words: ['local'], shows: /cpu-0/ },
  'node cordon': { words: ['local'], shows: /cordoned/ },
  'node drain': { words: ['local', '--deadline', '1h'], shows: /drained/ },
  'node uncordon': { words: ['local'], shows: /ready/ },
  top: { words: ['--once'], shows: /1 host \(.*\) · 0 of 1 place busy/ },
  score: { words: ['--list'], shows: /roc-auc/, cluster: false, launched: true },
  doctor: { file: 'cli/verbs/doctor.test.ts', words: "'doctor'" },
  'pki init': { file: 'cli/verbs/pki.test.ts', words: "'pki', 'init'" },
  'pki issue': { file: 'cli/verbs/pki.test.ts', words: "'pki', 'issue'" },
  'pki show': { words: [], shows: /operator/ },
  'config show': { file: 'cli/verbs/config.system.test.ts', words: "'config', 'show'" },
  'config check': { file: 'cli/verbs/config.system.test.ts', words: "'config', 'check'" },
  'config network': { file: 'cli/verbs/config-network.test.ts', words: "'config', 'network'" },
  'config nats': { words: ['--hosts', 'a'], shows: /gpu-agent\/a/, cluster: false },
  completion: { words: ['fish'], shows: /complete --command/, cluster: false },
  version: { words: [], shows: /^doubleblind \d+\.\d+\.\d+/, cluster: false },
};

function launch(words: readonly string[]): Promise<Seen> {
  const root = join(import.meta.dirname, '..');
  return new Promise((resolve) => {
    const child = execFile('sh', ['deploy/bin/doubleblind', ...words], { cwd: root }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? 1, stdout, stderr }),
    );
  });
}

test('the table names every verb that there is, and no other', () => {
  expect(new Set(leafVerbs(buildProgram(quietContext())).keys())).toEqual(new Set(Object.keys(verbs)));
});

for (const [verb, tried] of Object.entries(verbs)) {
  if ('file' in tried) {
    test(`${verb} is run by ${tried.file}`, () => {
      const path = join(import.meta.dirname, '..', tried.file);
      expect(existsSync(path)).toBe(true);
      expect(readFileSync(path, 'utf8')).toContain(tried.words);
    });
  } else {
    test(`${verb} does what it says`, async () => {
      const place =
        verb === 'down' || verb.startsWith('pki')
          ? ['--state-dir', stub.stateDirectory]
          : ['--coordinator', stub.address, '--state-dir', stub.stateDirectory];
      const words = [...verb.split(' '), ...tried.words, ...(tried.cluster === false ? [] : place)];
      const seen = await (tried.launched === true ? launch(words) : runVerb(words));
      expect(seen.code, seen.stderr).toBe(tried.code ?? 0);
      expect(seen.stdout).toMatch(tried.shows);
    });
  }
}

test('every verb that has a state directory names the variable that stands for it', () => {
  const verbsWithOne = [...leafVerbs(buildProgram(quietContext()))].filter(([, verb]) =>
    verb.options.some(({ long }) => long === '--state-dir'),
  );
  expect(verbsWithOne.map(([name]) => name)).toEqual(expect.arrayContaining(['up', 'down', 'setup', 'replay', 'run']));
  for (const [name, verb] of verbsWithOne) {
    expect([name, verb.helpInformation().replace(/\s+/g, ' ')]).toEqual([
      name,
      expect.stringContaining('default: DOUBLEBLIND_STATE_DIR, or .doubleblind'),
    ]);
  }
});
