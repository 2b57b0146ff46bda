// The dashboard asks for metrics that exist; a panel on a name that nothing exports is empty for ever, and nobody is told.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { namesIn, namesOn, promtool, runPromtool, scrape } from '../prometheus/scrape.test-support.ts';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
}

const dashboard = JSON.parse(readFileSync(join(import.meta.dirname, 'doubleblind.json'), 'utf8')) as {
  readonly panels: readonly Panel[];
};
const charts = dashboard.panels.filter((panel) => panel.type !== 'row');

test('every metric of the dashboard is exported by a daemon, with the labels that it is grouped by', async () => {
  const pages = await scrape();
  const exported = new Set(pages.flatMap((page) => [...namesOn(page)]));
  const expressions = charts.flatMap((panel) => (panel.targets ?? []).map((target) => target.expr));
  expect(expressions.length).toBeGreaterThan(20);
  for (const expression of expressions) {
    const names = namesIn(expression);
    expect(names.length, expression).toBeGreaterThan(0);
    for (const name of names) expect(exported, expression).toContain(name);
  }
});

test('every daemon is on it, every panel says what it shows, and none lies over another', () => {
  const all = JSON.stringify(charts);
  for (const daemon of ['coordinator', 'gpu_agent', 'llm_gateway', 'evaluator'])
    expect(all).toContain(`doubleblind_${daemon}_`);
  for (const { title, description } of charts) expect(description ?? '', title).not.toBe('');
  expect(new Set(dashboard.panels.map((panel) => panel.id)).size).toBe(dashboard.panels.length);
  const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
});

test.skipIf(promtool === undefined)('promtool, where it is there, reads every expression of the dashboard', () => {
  const directory = mkdtempSync(join(tmpdir(), 'doubleblind-dashboard-'));
  const expressions = charts.flatMap((panel) => (panel.targets ?? []).map((target) => target.expr));
  const rules = expressions.map((expr, index) => ({ record: `dashboard:expression:${index}`, expr }));
  writeFileSync(join(directory, 'rules.yml'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  expect(runPromtool(['check', 'rules', join(directory, 'rules.yml')])).toContain(`${expressions.length} rules found`);
  rmSync(directory, { recursive: true });
});

/** What is computed from two metrics finds nothing where their labels differ, and the panel is empty without a word. */
test.skipIf(promtool === undefined)(
  'promtool, where it is there, gets a figure from each panel that computes one',
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'doubleblind-dashboard-'));
    const expr = charts.find(({ title }) => title === 'Places busy')?.targets?.[0]?.expr;
    const tests = [
      {
        interval: '1m',
        input_series: [
          { series: 'doubleblind_gpu_agent_attempts_running{job="a", instance="one", slot="gpu-0"}', values: '1 1' },
          { series: 'doubleblind_gpu_agent_attempts_running{job="a", instance="two", slot="gpu-0"}', values: '0 0' },
          { series: 'doubleblind_coordinator_schedulable_slots{job="c", instance="three"}', values: '2 2' },
        ],
        promql_expr_test: [{ expr, eval_time: '1m', exp_samples: [{ labels: '{}', value: 0.5 }] }],
      },
    ];
    writeFileSync(join(directory, 'test.yml'), JSON.stringify({ tests }));
    expect(runPromtool(['test', 'rules', join(directory, 'test.yml')])).toContain('SUCCESS');
    rmSync(directory, { recursive: true });
  },
);
