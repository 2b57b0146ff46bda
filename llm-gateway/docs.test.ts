// The YAML of docs/models.md is what the daemon reads.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { gatewayConfigSchema } from './config.ts';

test('every piece of configuration in docs/models.md is accepted as it stands', () => {
  const page = readFileSync(join(import.meta.dirname, '../docs/models.md'), 'utf8');
  const pieces = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) =>
    gatewayConfigSchema.parse({ ...parse(text), tls: {} }),
  );
  expect(pieces.map((piece) => piece.upstreams.map((upstream) => upstream.kind))).toEqual([
    ['openai', 'openai'],
    ['cassette'],
  ]);
  expect(pieces[0]?.budgets.perHost.dollars).toBe(50);
});
