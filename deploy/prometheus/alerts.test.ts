// The alerts speak of metrics that exist, with labels that exist: a rule on a name that nothing exports never fires.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { namesIn, namesOn, promtool, runPromtool, scrape } from './scrape.test-support.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly action: string };
}

const path = join(import.meta.dirname, 'alerts.yml');
const document = parse(readFileSync(path, 'utf8')) as {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
};
const rules = document.groups.flatMap((group) => group.rules);

test('every metric of an alert is exported by a daemon', async () => {
  const exported = new Set((await scrape()).flatMap((page) => [...namesOn(page)]));
  const used = rules.flatMap(({ expr }) => namesIn(expr));
  expect(used.length).toBeGreaterThan(5);
  for (const name of used) expect(exported, name).toContain(name);
});

test('every alert says what is wrong and what to do', () => {
  for (const { alert, annotations } of rules) {
    expect(annotations.summary, alert).not.toBe('');
    expect(annotations.action, alert).not.toBe('');
  }
});

test.skipIf(promtool === undefined)(
  'promtool, where it is there, takes the rules and the pages of the daemons',
  async () => {
    expect(runPromtool(['check', 'rules', path])).toContain('SUCCESS');
    expect(runPromtool(['test', 'rules', join(import.meta.dirname, 'alerts-test.yml')])).toContain('SUCCESS');
    expect(runPromtool(['check', 'config', '--syntax-only', join(import.meta.dirname, 'prometheus.yml')])).toContain(
      'SUCCESS',
    );
    // What it says of names of Node's own metrics is advice; a page that it cannot read is an error.
    for (const page of await scrape()) expect(readable(page)).toBe(true);
  },
);

/** Exit status 3 is advice on names. */
function readable(page: string): boolean {
  try {
    runPromtool(['check', 'metrics'], page);
    return true;
  } catch (error) {
    return error instanceof Error && 'status' in error && error.status === 3;
  }
}
