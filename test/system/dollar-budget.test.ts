// A budget in dollars from end to end: a model that charges, the whole cluster, the command line's exit code and its bill; and
// what a collector of spans is told meanwhile.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { present } from '../../shared/core/assert.ts';
import { type Collector, startCollector } from '../../shared/tracing/collector.test-support.ts';
import { attemptSpan } from '../../shared/tracing/context.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { type PricedEndpoint, startPricedEndpoint, tokensPerCall } from '../support/priced-endpoint.ts';
import { waitFor } from '../support/wait-for.ts';

let endpoint: PricedEndpoint;
let collector: Collector;
let cluster: TestCluster;
beforeAll(async () => {
  endpoint = await startPricedEndpoint();
  const model = ['--openai-base-url', endpoint.baseUrl, '--model', 'priced', '--model-price', '10,50'];
  collector = await startCollector();
  const traces = ['--traces-endpoint', collector.endpoint];
  cluster = await startTestCluster({ slots: 2, flags: [...model, ...traces] });
}, 300_000);
afterAll(async () => {
  await cluster.stop();
  endpoint.stop();
  await collector.stop();
});

/** At 10 dollars for a million tokens read and 50 for a million written. */
const dollarsPerCall = (tokensPerCall * (10 + 50)) / 1e6;
const budget = 0.3;

interface Spent {
  readonly dollars: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly gpuHours: number;
  readonly slotSeconds: number;
  readonly scoreGained: number | null;
}

interface Cost {
  readonly byOperator: readonly (Spent & { readonly operator: string })[];
  readonly byModel: readonly (Spent & { readonly model: string })[];
  readonly byAttempt: readonly (Spent & { readonly candidateId: string })[];
  readonly total: Spent;
}

interface Attempt {
  readonly candidateId: string;
  readonly epoch: number;
  readonly state: string;
  readonly duplicateOf: string;
}

interface End {
  readonly run: {
    readonly runId: string;
    readonly state: string;
    readonly endReason: string;
    readonly verdict: {
      readonly winnerId: string;
      readonly finalists: readonly { readonly validationScore: number }[];
    };
  };
  readonly candidates: readonly { readonly state: string }[];
}

test('a run that has used its dollars starts nothing more, is judged all the same, and exits with 5', {
  timeout: 300_000,
}, async () => {
  const words = [
    '--candidates',
    '40',
    '--slots',
    '2',
    '--dollars',
    String(budget),
    '--operators',
    'draft',
    '-o',
    'json',
  ];
  expect((await cluster.run('task', 'import', 'tasks/digits')).code).toBe(0);
  const { code, stdout, stderr } = await cluster.run('run', 'digits', ...words);
  expect(code, stderr).toBe(5);
  const { run, candidates } = JSON.parse(stdout) as End;
  expect(run).toMatchObject({ state: 'sealed', endReason: 'dollars' });
  const scored = candidates.filter((candidate) => candidate.state === 'scored');
  expect(scored.length).toBeGreaterThan(0);
  expect(run.verdict.winnerId).not.toBe('');
  expect(run.verdict.finalists).toHaveLength(Math.min(10, scored.length));

  const cost = await cluster.json<Cost>('cost', run.runId);
  expect(cost.total.dollars).toBeCloseTo(endpoint.calls * dollarsPerCall, 9);
  // Each attempt is two calls, and what is begun can be paid to its end: a third of the budget would not pay for half an attempt.
  expect(cost.total.dollars).toBeLessThanOrEqual(budget);
  expect(cost.total.dollars).toBeGreaterThan(budget - 2 * dollarsPerCall);
  expect(candidates.filter((candidate) => candidate.state === 'failed')).toEqual([]);
  expect(cost.byModel.map(({ model }) => model)).toEqual(['priced']);
  expect(cost.byOperator.map(({ operator }) => operator)).toEqual(['draft']);
  const sum = (rows: readonly Spent[], key: keyof Spent): number => rows.reduce((so, row) => so + (row[key] ?? 0), 0);
  for (const rows of [cost.byModel, cost.byOperator, cost.byAttempt]) {
    for (const key of ['dollars', 'inputTokens', 'outputTokens', 'slotSeconds', 'scoreGained'] as const) {
      expect(sum(rows, key), key).toBeCloseTo(cost.total[key] ?? 0, 6);
    }
  }
  // This cluster has no GPU.
  expect(cost.total.gpuHours).toBe(0);

  const called = endpoint.calls;
  const table = await cluster.run('cost', run.runId, '--attempts');
  expect(table.stdout).toContain(`Budget used: $${cost.total.dollars.toFixed(2)} of $0.30`);
  expect(endpoint.calls).toBe(called);
});

test('an attempt is one trace over the four daemons, from its lease to its score', { timeout: 60_000 }, async () => {
  const [run] = await cluster.json<readonly { readonly runId: string }[]>('ls');
  const { runId } = present(run, 'the run');
  const all = await cluster.json<readonly Attempt[]>('results', runId, '--all');
  const { candidateId, epoch } = present(
    // The endpoint says the same each time, and what only repeats another is not brought to the evaluator.
    all.find(({ state, duplicateOf }) => state === 'scored' && duplicateOf === ''),
    'a scored candidate that repeats none',
  );
  const { traceId } = attemptSpan({ runId, attemptId: candidateId, epoch });
  const trace = () => collector.spans.filter((span) => span.traceId === traceId);
  const services = () => new Set(trace().map(({ service }) => service));
  // Spans are sent in batches.
  await waitFor('spans of the four daemons', () => Promise.resolve(services().size === 4));
  expect(services()).toEqual(new Set(['coordinator', 'evaluator', 'gpu-agent', 'llm-gateway']));
  const spans = trace();
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const orphans = spans.filter(({ parentSpanId }) => parentSpanId !== undefined && !ids.has(parentSpanId));
  expect(orphans.map(({ service, name }) => `${service}: ${name}`)).toEqual([]);
  const chat = present(
    spans.find(({ service, name }) => service === 'llm-gateway' && name.startsWith('chat ')),
    'a call of the model',
  );
  expect(chat.attributes).toContainEqual({ key: 'gen_ai.request.model', value: { stringValue: 'priced' } });
  // What goes to a collector is no place for prompts and programs.
  expect(JSON.stringify(spans)).not.toContain('import ');
});

test('the quick start takes a budget in dollars too', { timeout: 300_000 }, async () => {
  const { code, stdout, stderr } = await cluster.run('quickstart', '--dollars', '0.2', '-o', 'json');
  expect(code, stderr).toBe(5);
  expect((JSON.parse(stdout) as End).run).toMatchObject({ state: 'sealed', endReason: 'dollars' });
});
