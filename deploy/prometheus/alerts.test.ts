// The alerts speak of metrics that exist, with labels that exist: a rule on a name that nothing exports never fires.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { newCoordinatorMetrics } from '../../coordinator/metrics.ts';
import { createAgentMetrics } from '../../gpu-agent/metrics.ts';
import { createTurnMeter } from '../../llm-gateway/metrics.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly action: string };
}

const document = parse(readFileSync(join(import.meta.dirname, 'alerts.yml'), 'utf8')) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};
const rules = document.groups.flatMap((group) => group.rules);

test('every metric of an alert is exported by a daemon', async () => {
  const pages = await Promise.all([
    newCoordinatorMetrics().page.text(),
    createAgentMetrics().metrics.text(),
    createTurnMeter().page.text(),
  ]);
  const exported = new Set(pages.flatMap((page) => [...page.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1])));
  const used = rules.flatMap(({ expr }) => [...expr.matchAll(/doubleblind_\w+/g)].map((match) => match[0]));
  expect(used.length).toBeGreaterThan(5);
  for (const name of used) expect(exported, name).toContain(name.replace(/_(bucket|sum|count)$/, ''));
});

test('every alert says what is wrong and what to do', () => {
  for (const { alert, annotations } of rules) {
    expect(annotations.summary, alert).not.toBe('');
    expect(annotations.action, alert).not.toBe('');
  }
});
