import { expect, test } from 'vitest';
import { page } from '../../shared/rpc/page.ts';
import { createRun, joinHost, limits, newMachine } from '../core/machine.test-support.ts';
import { readRunRequest } from './create-run.ts';
import { findCandidate, findHost, findRun } from './lookup.ts';

const zero = {
  candidates: 0,
  wallSeconds: 0,
  dollars: 0,
  tokens: 0,
  slotHours: 0,
  parallelAttempts: 0,
  seed: 0,
  model: '',
  temperature: 0,
  limits: null,
  guidance: '',
  finalists: 0,
  operators: [],
};

test('zero and unset mean the defaults, which are the paper’s', () => {
  const { options } = readRunRequest({ requestId: 'r', task: 't', options: zero }, limits, 42);
  expect(options).toMatchObject({
    wallSeconds: 86_400,
    temperature: 0.2,
    crossoverProbability: 0.15,
    draftProbability: 0.05,
    finalists: 10,
    seed: 42,
    repair: true,
    limits,
  });
  expect(options.operators).toEqual(['draft', 'mutate', 'crossover', 'repair']);
});

test('what is stated is kept, zero probabilities and single limits too', () => {
  const given = {
    ...zero,
    crossoverProbability: 0,
    repair: false,
    seed: 7,
    operators: ['OPERATOR_MUTATE'],
    limits: { ...limits, turns: 3, cpus: 0 },
  };
  const { options } = readRunRequest({ requestId: 'r', task: 't', options: given }, limits, 42);
  expect(options).toMatchObject({ crossoverProbability: 0, repair: false, seed: 7, operators: ['mutate'] });
  expect(options.limits).toEqual({ ...limits, turns: 3 });
});

test.each([
  [{ temperature: 0.001 }, 'options.temperature'],
  [{ wallSeconds: -1 }, 'options.wall_seconds must be at least 0'],
  [{ dollars: Number.NaN }, 'options.dollars must be a number'],
  [{ operators: ['OPERATOR_UNSPECIFIED'] }, 'options.operators[0] is not an operator'],
  [{ seed: 2 ** 60 }, 'options.seed'],
  [{ guidance: 'x'.repeat(10_000) }, 'options.guidance must have at most 8192 characters'],
])('%j is refused with the field named', (options, field) => {
  expect(() => readRunRequest({ requestId: 'r', task: 't', options: { ...zero, ...options } }, limits, 1)).toThrow(
    field,
  );
});

test('ids are found by prefix, and an ambiguous one names what it fits', () => {
  const machine = newMachine();
  joinHost(machine);
  createRun(machine, {}, 'digits-aaaaaa');
  createRun(machine, {}, 'digits-abbbbb');
  expect(findRun(machine.state, 'digits-aa').id).toBe('digits-aaaaaa');
  expect(() => findRun(machine.state, 'digits-a')).toThrow('digits-aaaaaa, digits-abbbbb');
  expect(() => findRun(machine.state, '')).toThrow('name a run');
  expect(() => findRun(machine.state, 'wine')).toThrow('doubleblind ls');
  expect(findCandidate(machine.state, 'digits-aaaaaa-0001').number).toBe(1);
  expect(() => findHost(machine.state, 'beta')).toThrow('known: alpha');
});

test('pages follow each other without a gap and end with an empty token', () => {
  const items = Array.from({ length: 7 }, (_, index) => `i${index}`);
  const seen: string[] = [];
  let pageToken = '';
  do {
    const next = page(items, (item) => item, { pageSize: 3, pageToken });
    seen.push(...next.items);
    pageToken = next.nextPageToken;
  } while (pageToken !== '');
  expect(seen).toEqual(items);
  expect(() => page(items, (item) => item, { pageSize: 3, pageToken: 'gone' })).toThrow('start again');
  expect(() => page(items, (item) => item, { pageSize: -1, pageToken: '' })).toThrow('fewer');
});
