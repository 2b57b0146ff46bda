// Verbs as a user runs them, against a coordinator that speaks real gRPC: what is printed, where, and the exit code.

import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Run } from './core/model.ts';
import { budgetWords } from './planned-run.ts';
import { runVerb, type Seen } from './testing/run-verb.ts';
import { sampleCandidate, sampleRun } from './testing/sample-run.ts';
import { type StubCoordinator, startStubCoordinator } from './testing/stub-coordinator.ts';

let stub: StubCoordinator;

beforeAll(async () => {
  stub = await startStubCoordinator();
});

afterAll(async () => {
  await stub.stop();
});

function run(...words: string[]): Promise<Seen> {
  return runVerb([...words, '--coordinator', stub.address, '--state-dir', stub.stateDirectory]);
}

async function json(...words: string[]): Promise<unknown> {
  const seen = await run(...words, '-o', 'json');
  expect(seen.stderr).toBe('');
  expect(seen.code).toBe(0);
  return JSON.parse(seen.stdout);
}

test('ls lists the runs, as a table and as JSON with the fields of the protocol', async () => {
  const seen = await run('ls');
  expect(seen.code).toBe(0);
  expect(seen.stdout).toMatch(/^RUN +TASK +STATE/);
  expect(seen.stdout).toContain('sealed (candidates)');
  expect(await json('ls')).toMatchObject([{ runId: 'r-sample', task: 'digits', state: 'sealed' }]);
});

test('results ranks the candidates and ends with the verdict; JSON has the candidates, best first', async () => {
  const seen = await run('results');
  expect(seen.stdout).toContain('RANK');
  expect(seen.stdout).toContain('★');
  expect(seen.stdout).toContain('95 % interval');
  const candidates = (await json('results', 'r-s', '--all')) as { searchScore: number | null }[];
  expect(candidates.length).toBe(stub.candidates.length);
  const scores = candidates.flatMap((one) => (one.searchScore === null ? [] : [one.searchScore]));
  expect(scores).toEqual([...scores].sort((left, right) => left - right));
});

test('show tells everything about a run, and about a candidate by number or beginning of its id', async () => {
  expect((await run('show', 'r-')).stdout).toContain('the wanted number of candidates is there');
  expect((await run('show', '#3')).stdout).toContain('c-0003');
  expect(await json('show', 'c-0003')).toMatchObject({ candidateId: 'c-0003', number: 3, operator: 'draft' });
});

test('what the offline policy took part in says so wherever it is looked at again', async () => {
  const notice = 'No language model took part';
  for (const words of [['results'], ['watch'], ['show', 'r-sample']]) {
    expect([words, (await run(...words)).stdout]).toEqual([words, expect.stringContaining(notice)]);
  }
  expect((await run('show', '#3')).stdout).toMatch(/answered by +the offline policy: rules, no language model/);
  expect(await json('show', 'r-sample')).toMatchObject({ models: ['offline-policy'] });
});

test('tree draws the lineage', async () => {
  expect((await run('tree')).stdout).toMatch(/├─ #\d+ mutate|└─ #\d+ mutate/);
  expect(Array.isArray(await json('tree'))).toBe(true);
});

test('transcript tells thoughts, actions and observations', async () => {
  const { stdout } = await run('transcript', '1');
  expect(stdout).toContain('● turn 1 · offline-policy');
  expect(stdout).toContain('▶ bash\n  ls /data');
  expect(stdout).toContain('◀ bash · 0.2 s\n  train.csv');
});

test('logs gives the output of a candidate, and says what to do where there is none', async () => {
  const scored = stub.candidates.find((one) => one.state === 'scored');
  expect((await run('logs', scored?.candidateId ?? '')).stdout).toContain('epoch 1');
  const failed = stub.candidates.find((one) => one.state === 'failed');
  const seen = await run('logs', failed?.candidateId ?? '');
  expect(seen.code).toBe(6);
  expect(seen.stderr).toContain('doubleblind transcript');
});

test('diff shows what a child changed, and that a draft has no parent', async () => {
  const child = stub.candidates.find((one) => one.operator === 'mutate' && (one.parentIds[0] ?? '') !== '');
  const root = stub.candidates.find((one) => one.candidateId === child?.parentIds[0] && one.parentIds.length === 0);
  const seen = await run('diff', child?.candidateId ?? '', '--against', root?.candidateId ?? 'c-0001');
  expect(seen.stdout).toContain('-a = 1\n+a = 2\n');
  expect((await run('diff', 'c-0001')).code).toBe(6);
});

test('cost adds up by operator and attempt with the score gained, and says where the gateway is away', async () => {
  const { stdout } = await run('cost');
  expect(stdout).toMatch(/draft +\d+/);
  expect(stdout).not.toContain('still run');
  expect((await run('cost', '--attempts')).stdout).toMatch(/#1 draft +1 /);
  const seen = await run('cost', '--gateway', '127.0.0.1:9', '-o', 'json');
  expect(seen.stderr).toContain('The gateway was not asked');
  const { byOperator, byAttempt } = JSON.parse(seen.stdout) as {
    byOperator: unknown[];
    byAttempt: unknown[];
  };
  expect(byOperator[0]).toMatchObject({ operator: 'draft', scoreGained: expect.any(Number) });
  expect(byAttempt).toHaveLength(stub.candidates.length);
});

test('cost of a run that goes on says whose use it does not know yet', async () => {
  const candidates = [sampleCandidate({ state: 'running' })];
  const going = await startStubCoordinator({ data: { run: sampleRun({ state: 'running' }), candidates } });
  try {
    const of = ['--coordinator', going.address, '--state-dir', going.stateDirectory];
    expect((await runVerb(['cost', ...of])).stdout).toContain('An attempt still runs: what is used');
  } finally {
    await going.stop();
  }
});

test('report writes one page, or Markdown to standard output', async () => {
  const { stdout, code } = await run('report');
  expect(code).toBe(0);
  expect(readFileSync(stdout.trim(), 'utf8')).toContain('<!doctype html>');
  expect((await run('report', '--format', 'md', '-o', '-')).stdout).toContain('## Verdict');
});

test('release reaches the coordinator with the whole id and the reason, and needs one', async () => {
  const { stdout, code } = await run('release', '#3', '--reason', 'read its program');
  expect({ stdout, code }).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/#3 is scored: .*read its program/),
  });
  expect((await run('release', '#3')).code).toBe(2);
});

test('watch of a run that is over says so first, and not that it is running', async () => {
  const seen = await run('watch');
  expect(seen.stdout).toMatch(/^run r-sample is over; this is how it went\n/);
  expect(seen.stdout).not.toContain('is running');
  const killed = await startStubCoordinator({ data: { run: sampleRun({ state: 'killed' }), candidates: [] } });
  try {
    const words = ['watch', '--coordinator', killed.address, '--state-dir', killed.stateDirectory];
    const { stdout } = await runVerb(words);
    expect(stdout).toMatch(/^run \S+ is over; this is how it went\n\nno candidate has a score\n/);
  } finally {
    await killed.stop();
  }
});

test('watch hands over a run that somebody detached or left: report, program and submission', async () => {
  const folder = join(stub.stateDirectory, 'runs/r-sample');
  rmSync(folder, { recursive: true, force: true });
  for (const words of [['results'], ['show', 'r-sample']]) {
    const before = await run(...words);
    expect([words, before.stdout]).toEqual([
      words,
      expect.stringContaining('doubleblind watch r-sample writes report'),
    ]);
  }
  const seen = await run('watch');
  expect(seen.code).toBe(0);
  for (const [name, file] of [
    ['Report', 'report.html'],
    ['Program', 'solution'],
    ['Submission', 'submission.csv'],
  ] as const) {
    expect(seen.stdout).toMatch(new RegExp(`^${name} +${join(folder, file)}$`, 'm'));
    expect(existsSync(join(folder, file))).toBe(true);
  }
  expect((await run('results')).stdout).toMatch(new RegExp(`^Files +${folder}$`, 'm'));
  expect((await run('show', 'r-sample')).stdout).toMatch(new RegExp(`^files +${folder}$`, 'm'));
});

test('steer reaches the coordinator with the whole id', async () => {
  expect((await run('steer', 'r-sam', 'try trees')).code).toBe(0);
  expect(stub.requests).toContainEqual({ verb: 'steer', runId: 'r-sample' });
});

test('pause, resume and cancel reach the coordinator with the whole id', async () => {
  for (const verb of ['pause', 'resume', 'cancel']) expect((await run(verb, 'r-sam')).code).toBe(0);
  expect(stub.requests).toEqual(
    expect.arrayContaining(['pause', 'resume', 'cancel'].map((verb) => ({ verb, runId: 'r-sample' }))),
  );
});

test('fork goes on from a run: its whole id, how many of the best, and what is to be otherwise', async () => {
  const seen = await run('fork', 'r-sam', '--top', '3', '--detach');
  expect([seen.code, seen.stdout]).toEqual([0, 'r-sample\n']);
  expect(stub.requests).toContainEqual({ verb: 'fork', runId: 'r-sample', top: 3 });
  expect((await run('fork', '--help')).stdout).toContain('begins with its scored candidates');
});

test('the budget of a fork counts its own candidates, and whatever shows it says so', async () => {
  const options = { candidates: 7 } as NonNullable<Run['options']>;
  const data = {
    run: sampleRun({ forkedFrom: 'r-0', candidatesScored: 12, inheritedCandidates: 5, options }),
    candidates: [],
  };
  expect(budgetWords(data.run)).toBe('7 candidates beside 5 inherited');
  expect(budgetWords({ ...data.run, inheritedCandidates: 0 })).toBe('7 candidates');
  const fork = await startStubCoordinator({ data: { ...data, run: { ...data.run, options: null } } });
  try {
    const seen = await runVerb(['show', 'r-s', '--coordinator', fork.address, '--state-dir', fork.stateDirectory]);
    expect(seen.stdout).toMatch(/^candidates +12 scored, 5 of them inherited$/m);
  } finally {
    await fork.stop();
  }
  const help = (await run('fork', '--help')).stdout.replace(/\s+/g, ' ');
  expect(help).toContain('so many more candidates have a score, beside those that it begins with');
});

test('rm forgets a run by its whole id', async () => {
  expect((await run('rm', 'r-sam')).stdout).toBe('r-sample\n');
  expect(stub.requests).toContainEqual({ verb: 'rm', runId: 'r-sample' });
});

test('rm says which files of the run stay on this machine, where there are any', async () => {
  const folder = join(stub.stateDirectory, 'runs/r-sample');
  rmSync(folder, { recursive: true, force: true });
  expect((await run('rm', 'r-sam')).stderr).toBe('');
  await run('report');
  expect((await run('rm', 'r-sam')).stderr).toBe(`Its report and files stay in ${folder}\n`);
  expect(existsSync(folder)).toBe(true);
});

test('kill ends a run at once, and seals it only where that is asked for', async () => {
  expect((await run('kill', 'r-sam')).stdout).toContain('killed');
  expect((await run('kill', 'r-sam', '--seal')).stdout).toContain('sealing');
  expect(stub.requests).toEqual(
    expect.arrayContaining(['kill', 'kill --seal'].map((verb) => ({ verb, runId: 'r-sample' }))),
  );
});

test('cancel and kill of a run that has ended say that nothing happened, and end well all the same', async () => {
  for (const words of [['cancel'], ['kill'], ['kill', '--seal']]) {
    const { code, stderr } = await run(...words, 'r-sam');
    expect([words, code, stderr]).toEqual([words, 0, 'r-sample had ended already (sealed); nothing was changed.\n']);
  }
  const goesOn = await startStubCoordinator({ data: { run: sampleRun({ state: 'running' }), candidates: [] } });
  const killed = await startStubCoordinator({ data: { run: sampleRun({ state: 'killed' }), candidates: [] } });
  const of = (stub: typeof killed) => ['--coordinator', stub.address, '--state-dir', stub.stateDirectory, 'r-sam'];
  try {
    expect((await runVerb(['cancel', ...of(goesOn)])).stderr).toBe('');
    expect((await runVerb(['kill', ...of(goesOn)])).stderr).toBe('');
    expect((await runVerb(['kill', ...of(killed)])).stderr).toContain('had ended already (killed)');
    // A verdict is added still.
    expect((await runVerb(['kill', '--seal', ...of(killed)])).stderr).toBe('');
  } finally {
    await goesOn.stop();
    await killed.stop();
  }
});

test('node lists, describes, cordons and drains hosts', async () => {
  expect((await run('node', 'ls')).stdout).toContain('ready');
  expect((await run('node', 'describe', 'loc')).stdout).toContain('cpu-0');
  expect((await run('node', 'cordon', 'local', '--reason', 'new disk')).stdout).toContain('cordoned: new disk');
  const drained = await run('node', 'drain', 'local', '--deadline', '2h', '--reason', 'new disk');
  expect(drained.code).toBe(0);
  expect(drained.stderr).toContain('local: 0 attempts run');
  expect(drained.stdout).toContain('drained');
  const seen = await run('node', 'describe', 'nowhere');
  expect(seen.code).toBe(3);
  expect(seen.stderr).toContain('the hosts are: local');
});

test('task ls lists what was imported', async () => {
  expect((await run('task', 'ls')).stdout).toContain('Handwritten digits');
});

test('run creates the run that was asked for, follows it, and writes report, program and submission', async () => {
  const seen = await run(
    'run',
    'digits',
    '--candidates',
    '24',
    '--budget',
    '10m',
    '--seed',
    '5',
    '--operators',
    'draft,mutate',
  );
  expect(seen.code).toBe(0);
  expect(stub.requests.at(-1)).toMatchObject({
    task: 'digits',
    options: { candidates: 24, wallSeconds: 600, seed: 5, operators: ['OPERATOR_DRAFT', 'OPERATOR_MUTATE'] },
  });
  expect(seen.stderr).toMatch(/✓ +#\d+ +draft/);
  expect(seen.stdout).toContain('Winner');
  expect(seen.stdout).toContain('No language model took part');
  const folder = join(stub.stateDirectory, 'runs/r-sample');
  for (const file of ['report.html', 'report.md', 'solution/main.py'])
    expect(existsSync(join(folder, file))).toBe(true);
  expect(readFileSync(join(folder, 'submission.csv'), 'utf8')).toBe('id,0\n1,0.5\n');
});

test('run --detach prints the id and nothing else', async () => {
  const seen = await run('run', 'digits', '--detach');
  expect(seen).toEqual({ code: 0, stdout: 'r-sample\n', stderr: '' });
});

test('a task that is not there is named with the one that was meant', async () => {
  const seen = await run('run', 'digit');
  expect(seen.code).toBe(3);
  expect(seen.stderr).toContain('Did you mean digits?');
});

test('watch prints what happened; JSON has one event a line', async () => {
  const seen = await run('watch');
  expect(seen.stdout).toMatch(/^run r-sample is over; this is how it went\n/);
  expect(seen.stdout).not.toContain('is running');
  expect(seen.stdout).toMatch(/✗ +#\d+/);
  const lines = (await run('watch', '-o', 'json')).stdout.trim().split('\n');
  expect(lines.length).toBe(stub.candidates.length + 1);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ kind: 'runSealed', run: { state: 'sealed' } });
});

test('what does not exist is told with exit code 3', async () => {
  for (const verb of ['show', 'transcript', 'diff']) expect((await run(verb, 'zzz')).code).toBe(3);
  expect((await run('results', 'zzz')).stderr).toBe('doubleblind: there is no run zzz.\n');
});

test('report --mle-bench writes the submission, the lines for the grader, and the fields of a report', async () => {
  const folder = join(stub.stateDirectory, 'mle');
  const board = join(stub.stateDirectory, 'board.csv');
  writeFileSync(board, `score\n${Array.from({ length: 20 }, (_, row) => `${(row + 1) / 50}\n`).join('')}`);
  const seen = await run(
    'report',
    '--mle-bench',
    '--leaderboard',
    board,
    '--competition',
    'digit-recogniser',
    '-o',
    folder,
  );
  expect(seen.stderr).toBe('');
  expect(seen.stdout.trim().split('\n')).toEqual(
    ['report.json', 'submission.csv', 'submissions.jsonl'].map((name) => join(folder, name)),
  );
  const report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as Record<string, unknown>;
  const score = stub.run.verdict?.finalists[0]?.testScore ?? 0;
  expect(report).toMatchObject({
    ...{ competition_id: 'digit-recogniser', score: Number(score.toFixed(5)), is_lower_better: true },
    ...{ submission_exists: true, valid_submission: true, submission_path: join(folder, 'submission.csv'), notes: [] },
    ...{
      gold_threshold: 0.04,
      silver_threshold: 0.08,
      bronze_threshold: 0.16,
      median_threshold: expect.closeTo(0.21, 9),
    },
  });
  const line = JSON.parse(readFileSync(join(folder, 'submissions.jsonl'), 'utf8')) as Record<string, unknown>;
  expect(Object.keys(line)).toEqual(['competition_id', 'submission_path']);
  const without = await run('report', '--mle-bench', '-o', folder);
  expect(without.stderr).toContain('No leaderboard was given');
  expect(JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'))).toMatchObject({
    ...{ competition_id: 'digits', any_medal: null, percentile: null, gold_threshold: null },
  });
  writeFileSync(board, 'version https://git-lfs.github.com/spec/v1\n');
  expect(await run('report', '--mle-bench', '--leaderboard', board)).toMatchObject({
    code: 6,
    stderr: expect.stringContaining('Git LFS pointer'),
  });
});
