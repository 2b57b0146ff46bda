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

/** Every kind there is; the compiler asks for a new one here, and the test for a journal that has it. */
const kinds: Record<StampedEvent['kind'], true> = {
  attemptEnded: true,
  attemptLeased: true,
  attemptLost: true,
  attemptPlanned: true,
  attemptStarted: true,
  candidateDuplicated: true,
  candidateRefitted: true,
  candidateRefused: true,
  candidateReleased: true,
  candidateScored: true,
  clockTicked: true,
  hostChanged: true,
  hostCordoned: true,
  hostDrainDue: true,
  hostDrainStarted: true,
  hostForgotten: true,
  hostJoined: true,
  hostLost: true,
  hostRecovered: true,
  hostSuspected: true,
  hostUncordoned: true,
  quotasSet: true,
  runBudgetSpent: true,
  runCreated: true,
  runDeleted: true,
  runExtended: true,
  runJudged: true,
  runKilled: true,
  runPaused: true,
  runResumed: true,
  runSealed: true,
  runSealing: true,
  runSteered: true,
  scoreAsked: true,
  scoreTold: true,
};

test('every kind of event occurs in one of the journals', () => {
  const all = names.map((name) => readFileSync(join(directory, name), 'utf8')).join('\n');
  expect(Object.keys(kinds).filter((kind) => !all.includes(`"kind":"${kind}"`))).toEqual([]);
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
