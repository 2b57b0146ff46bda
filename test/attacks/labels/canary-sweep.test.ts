// After a whole run, every hidden label is looked for in every place but the evaluator's own directory: bundles, prompts,
// transcripts, artifacts, journals, outboxes, NATS files, logs and reports. Each hidden label of the test task is a number
// that occurs nowhere else. The same sweep over the evaluator's directory must find them: a sweep that finds nothing
// anywhere proves nothing.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CanaryTask, makeCanaryTask } from '../../../evaluator-node/testing/canary-task.ts';
import { present } from '../../../shared/core/assert.ts';
import { startTestCluster, type TestCluster } from '../../support/cluster.ts';

let started: TestCluster | undefined;
let taskDirectory: string;

beforeAll(async () => {
  taskDirectory = mkdtempSync(join(tmpdir(), 'doubleblind-canary-'));
  started = await startTestCluster({ slots: 2 });
});

afterAll(async () => {
  await started?.stop();
  rmSync(taskDirectory, { recursive: true, force: true });
});

/** Every regular file below the directory, but those below an excluded one. */
function filesBelow(directory: string, excluded?: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (path === excluded) return [];
    if (entry.isDirectory()) return filesBelow(path, excluded);
    return entry.isFile() ? [path] : [];
  });
}

/** A label as it may lie in a file: its digits (a leak that rounds the last ones away is a leak as well), or its 8 bytes. */
function needlesOf(token: string): Buffer[] {
  const littleEndian = Buffer.alloc(8);
  littleEndian.writeDoubleLE(Number(token));
  return [Buffer.from(token.slice(2, 14)), littleEndian, Buffer.from(littleEndian).reverse()];
}

/** Each place where a token was found. */
function hits(paths: readonly string[], tokens: readonly string[]): { path: string; token: string }[] {
  const needles = tokens.map((token) => ({ token, forms: needlesOf(token) }));
  return paths.flatMap((path) => {
    const bytes = readFileSync(path);
    return needles
      .filter(({ forms }) => forms.some((form) => bytes.includes(form)))
      .map(({ token }) => ({ path, token }));
  });
}

test('after a run, no hidden label is anywhere but with the evaluator', async () => {
  const task: CanaryTask = await makeCanaryTask(taskDirectory, 'sweep');
  const cluster = present(started, 'the cluster');
  const imported = await cluster.run('task', 'import', taskDirectory);
  expect(imported.code, imported.stderr).toBe(0);
  const run = await cluster.run('run', task.name, '--candidates', '3', '--budget', '4m', '--seed', '5');
  expect(run.code, run.stderr).toBe(0);

  const evaluator = join(cluster.stateDirectory, 'evaluator');
  const outside = filesBelow(cluster.stateDirectory, evaluator);
  const train = outside.filter((path) => path.endsWith('/train.csv')).map((path) => readFileSync(path, 'utf8'));
  expect(train.length, 'the bundle that the sandboxes saw').toBeGreaterThan(0);
  const hidden = task.hiddenTokens(train.join('\n'));
  expect(hidden.length).toBeGreaterThan(60);

  expect(hits(outside, hidden)).toEqual([]);
  expect(new Set(hits(filesBelow(evaluator), hidden).map(({ token }) => token)).size).toBe(hidden.length);
  expect(statSync(evaluator).mode & 0o077, "nobody else may look into the evaluator's directory").toBe(0);
}, 420_000);
