// The references say what the program does: every key and every method is on its page, with its words.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { leavesOf, schemaNode } from '../../shared/daemon/config-schema.ts';
import { access } from '../../shared/rpc/access.ts';
import { daemonSchemas } from '../bin/daemon-schemas.ts';
import { renderApi } from './api.ts';
import { renderConfiguration } from './configuration.ts';
import { readProtoFiles } from './proto-file.ts';

const root = join(import.meta.dirname, '../..');
const files = readProtoFiles(readFileSync(join(root, 'proto/generated/api.binpb')));

test('every key that a daemon reads has a row with its default', () => {
  const page = renderConfiguration(daemonSchemas);
  for (const [role, schema] of Object.entries(daemonSchemas)) {
    const section = page.split(`## ${role}\n`)[1]?.split('\n## ')[0] ?? '';
    for (const { path } of leavesOf(schemaNode(schema))) expect(section, role).toContain(`| \`${path.join('.')}\` |`);
  }
  expect(page).toContain('| `lease.ttlMs` | whole number, 500 or more | `10000` |');
  expect(page).toContain('| `upstreams[openai].models[].name` | text | **must be set** |');
});

test('a key without a description stops the page, and is named', () => {
  const schema = z.strictObject({ a: z.string().describe('A text.'), deep: z.strictObject({ b: z.number() }) });
  expect(() => renderConfiguration({ tester: schema })).toThrow('tester: the key deep.b has no description');
});

test('every method is on the page with its comment and with who may call it', () => {
  const page = renderApi(files, access);
  const methods = files.flatMap((file) => file.services.flatMap((service) => service.methods));
  expect(methods.length).toBe(Object.keys(access).length);
  for (const { name, comment } of methods) {
    expect(comment, name).not.toBe('');
    expect(page).toContain(`| \`${name}\` |`);
  }
  expect(page).toContain('stream of `PutArtifactRequest` → `PutArtifactResponse` | gpu-agent |');
  expect(page).toMatch(/\| 10 \| `crossover_probability` \| optional `double` \| Probability of a crossover/);
});
