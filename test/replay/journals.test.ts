// Journals that earlier versions wrote. A change that reads one of them differently would change what happened: never
// rewrite a file here, add one with the version that wrote it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { audit } from '../../coordinator/core/audit.ts';
import type { StampedEvent } from '../../coordinator/core/event.ts';
import { newState } from '../../coordinator/core/state.ts';
import { step } from '../../coordinator/core/step.ts';
import { facts } from './facts.ts';

const directory = join(import.meta.dirname, 'journals');
const names = readdirSync(directory).filter((name) => name.endsWith('.jsonl'));

test('there are journals of an earlier version', () => {
  expect(names.length).toBeGreaterThanOrEqual(2);
});

test.each(names)('%s still tells the same story', (name) => {
  const lines = readFileSync(join(directory, name), 'utf8').trimEnd().split('\n');
  const events = lines.map((line) => JSON.parse(line) as StampedEvent);
  const known = JSON.parse(readFileSync(join(directory, name.replace('.jsonl', '.facts.json')), 'utf8')) as object;
  expect(JSON.parse(JSON.stringify(facts(events)))).toEqual(known);
  const state = newState();
  for (const event of events) step(state, event);
  expect(audit(state)).toEqual([]);
});
