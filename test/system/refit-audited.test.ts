// A whole run with a refit, as a user would make it: real cluster, sandboxes, evaluator; the ledger must hold, also for a
// third party, every place that tells of the run must tell of the refit, and the next run must say that the labels had left.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../../shared/core/assert.ts';
import { nextNormal, seedRng } from '../../shared/core/rng.ts';
import { doubleblind, startTestCluster, type TestCluster } from '../support/cluster.ts';

let started: TestCluster | undefined;
const directory = mkdtempSync(join(tmpdir(), 'doubleblind-refit-'));

beforeAll(async () => {
  const rng = seedRng('refit');
  const row = (id: number): { features: string; y: string } => {
    const [a, b, noise] = [nextNormal(rng), nextNormal(rng), nextNormal(rng)];
    return { features: `${id},${a.toFixed(3)},${b.toFixed(3)}`, y: (3 * a - b * b + noise).toFixed(3) };
  };
  const train = Array.from({ length: 400 }, (_, index) => row(index));
  const test = Array.from({ length: 60 }, (_, index) => row(1000 + index));
  const files = {
    'task.yaml': 'name: refitted\nmetric: rmse\ntarget: y\ntest_answers: private/answers.csv\nrefit: true\n',
    'description.md': '# Refitted\n\nPredict y.\n',
    'train.csv': `id,a,b,y\n${train.map(({ features, y }) => `${features},${y}\n`).join('')}`,
    'test.csv': `id,a,b\n${test.map(({ features }) => `${features}\n`).join('')}`,
    'sample_submission.csv': `id,y\n${test.map(({ features }) => `${features.split(',')[0]},0\n`).join('')}`,
    'answers.csv': `id,y\n${test.map(({ features, y }) => `${features.split(',')[0]},${y}\n`).join('')}`,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  writeFileSync(join(directory, 'task.yaml'), files['task.yaml'].replace('private/', ''));
  started = await startTestCluster({ slots: 2 });
}, 300_000);

afterAll(async () => {
  await started?.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Shown {
  readonly runId: string;
  readonly verdict: { readonly notes: readonly string[] } | null;
}

test('a refitted run is audited, told everywhere, and marks the runs after it', async () => {
  const cluster = present(started, 'the cluster');
  const imported = await cluster.run('task', 'import', directory);
  expect(imported.code, imported.stderr).toBe(0);
  const search = async (): Promise<Shown> => {
    const run = await cluster.run('run', 'refitted', '--candidates', '3', '--budget', '5m', '--seed', '3');
    expect(run.code, run.stderr).toBe(0);
    const [last] = await cluster.json<Shown[]>('ls');
    return present(last, 'the run');
  };
  const { runId, verdict } = await search();
  const refitted = /refitted on all labelled rows/;
  expect(verdict?.notes).toEqual([expect.stringMatching(refitted)]);
  for (const words of [
    ['show', runId],
    ['report', runId, '--format', 'md', '-o', '-'],
  ]) {
    const told = await cluster.run(...words);
    expect(told.stdout, words.join(' ')).toMatch(refitted);
  }
  const audited = await cluster.run('audit', 'verify', runId);
  expect(audited.stdout).toContain('✓ chain, signatures and contents hold');
  expect(audited.code, audited.stdout).toBe(0);

  const exported = join(directory, 'ledger.json');
  expect((await cluster.run('audit', 'export', runId, '-o', exported)).code).toBe(0);
  const text = readFileSync(exported, 'utf8');
  expect(text).toContain('refitBundleSent');
  const verify = () => doubleblind('audit', 'verify', '--file', exported);
  expect((await verify()).code).toBe(0);
  // A bit of the record of the refit.
  writeFileSync(exported, text.replace('refitBundleSent', 'refitBundleSenu'));
  expect(await verify()).toMatchObject({ code: 1, stdout: expect.stringMatching(/✗ record \d+ was changed/) });

  const later = await search();
  expect(later.verdict?.notes).toContainEqual(
    expect.stringContaining(`had left the evaluator for the refit of ${runId}`),
  );
}, 800_000);
