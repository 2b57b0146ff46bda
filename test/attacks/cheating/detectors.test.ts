// The detectors of cheating against a labelled corpus. The corpus is ours, as the detectors are: the figures say that they do
// what they were made for, not that nobody gets round them.

import { expect, test } from 'vitest';
import { suspicionsOf } from '../../../coordinator/core/suspicion/suspicion.ts';
import { measured } from '../../support/measured.ts';
import { cheats } from './cheats.ts';
import { honest } from './honest.ts';

test('of at least 60 cheats 95 % are held back, and of at least 200 honest programs no more than 2 %', ({ task }) => {
  const [bad, good] = [cheats(), honest()];
  expect(bad.length).toBeGreaterThanOrEqual(60);
  expect(good.length).toBeGreaterThanOrEqual(200);
  const missed = bad.filter(({ evidence }) => suspicionsOf(evidence).length === 0).map(({ name }) => name);
  const wronged = good.flatMap(({ name, evidence }) =>
    suspicionsOf(evidence).map((suspicion) => `${name}: ${suspicion.kind}, ${suspicion.evidence}`),
  );
  const recall = 1 - missed.length / bad.length;
  measured(
    task,
    `${bad.length} cheats: ${(100 * recall).toFixed(1)} % found, missed: ${missed.join(', ') || 'none'}; ` +
      `${good.length} honest programs: ${((100 * wronged.length) / good.length).toFixed(1)} % held back`,
  );
  expect(wronged.length, wronged.join('\n')).toBeLessThanOrEqual(good.length * 0.02);
  expect(recall).toBeGreaterThanOrEqual(0.95);
});

test('every kind of cheat has a detector that finds it alone', () => {
  const kinds = new Set(cheats().flatMap(({ evidence }) => suspicionsOf(evidence).map(({ kind }) => kind)));
  expect(kinds).toEqual(
    new Set([
      'copied predictions',
      'hard-coded answers',
      'hidden code',
      'implausible score',
      'reads what is not its own',
      'report far from the score',
    ]),
  );
});

test('code that a program runs out of other files is looked at, or held back where it cannot be', () => {
  const disguised = cheats().filter(({ name }) => /^(code as text|code in an archive|a compiled|a library)/.test(name));
  expect(disguised).toHaveLength(10);
  for (const { name, evidence } of disguised) expect(suspicionsOf(evidence), name).not.toEqual([]);
});

test('evidence is one bounded line without what would steer a terminal', () => {
  for (const { evidence } of cheats()) {
    for (const suspicion of suspicionsOf(evidence)) {
      expect(suspicion.evidence.length).toBeLessThan(300);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(suspicion.evidence).not.toMatch(/[\u0000-\u001f]/);
    }
  }
});
