// Scores during the work (`run --score-queries`) through the whole cluster: a model that looks twice at one file, once at another and
// once too often; what it was told, what it cost, and what the evaluator's ledger says of it.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { type PricedEndpoint, startPricedEndpoint, submit, write } from '../support/priced-endpoint.ts';

const execute = { name: 'bash', arguments: { command: 'python3 /work/solution/main.py && wc -l /out/submission.csv' } };
const look = { name: 'score', arguments: {} };

let endpoint: PricedEndpoint;
let cluster: TestCluster;
beforeAll(async () => {
  // The same file twice costs one score; the third file is one too many.
  endpoint = await startPricedEndpoint((number) => [
    ...[write(number), execute, look, look],
    ...[write(number), execute, look],
    ...[write(number), execute, look],
    submit,
  ]);
  const model = ['--openai-base-url', endpoint.baseUrl, '--model', 'looking', '--model-price', '1,1'];
  cluster = await startTestCluster({ slots: 2, flags: model });
}, 300_000);
afterAll(async () => {
  await cluster.stop();
  endpoint.stop();
});

interface Candidate {
  readonly candidateId: string;
  readonly state: string;
  readonly searchScore: number;
}

const saying =
  /Score of \/out\/submission\.csv on hidden rows, with noise: (.+?)\. You may ask (\d+) more|has had its 2 scores/g;

test('an attempt gets its two scores with noise and no third, and one file twice for the price of one', {
  timeout: 400_000,
}, async () => {
  expect((await cluster.run('task', 'import', 'tasks/digits')).code).toBe(0);
  const words = ['--candidates', '2', '--slots', '2', '--score-queries', '2', '--operators', 'draft', '-o', 'json'];
  const { code, stdout, stderr } = await cluster.run('run', 'digits', ...words);
  expect(code, stderr).toBe(0);
  const { run } = JSON.parse(stdout) as { readonly run: { readonly runId: string } };
  const all = await cluster.json<readonly Candidate[]>('results', run.runId, '--all');
  const scored = all.filter(({ state }) => state === 'scored');
  expect(scored).toHaveLength(2);
  const ledger = await cluster.run('audit', 'export', run.runId);
  expect(ledger.code, ledger.stderr).toBe(0);
  const { records } = JSON.parse(ledger.stdout) as { readonly records: readonly { readonly body: string }[] };
  const evaluated = records
    .map(({ body }) => JSON.parse(body) as Record<string, unknown>)
    .filter(({ type }) => type === 'evaluated');
  for (const { candidateId, searchScore } of scored) {
    const { stdout: transcript } = await cluster.run('transcript', candidateId, '-o', 'json');
    const told = [...transcript.matchAll(saying)].map(([whole, feedback, left]) => ({ whole, feedback, left }));
    expect(told.map(({ left }) => left)).toEqual(['1', '1', '0', undefined]);
    expect(told[1]?.feedback).toBe(told[0]?.feedback);
    // An attempt that goes on is told no score as the search has it: not of what it hands in, nor of what it looked at.
    const looks = evaluated.filter((one) => one['candidateId'] === candidateId && one['exploratory'] === true);
    expect(looks).toHaveLength(2);
    for (const exact of [searchScore, ...looks.map(({ score }) => score)]) {
      expect(exact).toEqual(expect.any(Number));
      expect(transcript).not.toContain(String(exact));
    }
    expect(looks.map(({ feedback }) => feedback)).toEqual([told[0]?.feedback, told[2]?.feedback]);
    // What is handed in is what the clean-slate run wrote: the third file, at which the attempt did not get to look.
    expect(looks.map(({ score }) => score)).not.toContain(searchScore);
  }
  expect((await cluster.run('audit', 'verify', run.runId)).code).toBe(0);
});
