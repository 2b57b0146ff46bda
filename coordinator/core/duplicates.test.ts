import { expect, test } from 'vitest';
import { digest, runId } from '../../shared/core/ids.ts';
import { noUsage } from '../../shared/core/vocabulary.ts';
import { audit } from './audit.ts';
import { brief } from './brief.ts';
import {
  attemptOf,
  createRun,
  digestOf,
  end,
  joinHost,
  leased,
  type Machine,
  newMachine,
  scored,
} from './machine.test-support.ts';
import { isWanted } from './outstanding.ts';
import { top } from './population.ts';
import { newState } from './state.ts';
import { step } from './step.ts';

const id = runId('digits-aaaaaa');
const program = digest('c'.repeat(64));

/** A run whose first two drafts work at the same time. */
function started(options = {}): Machine {
  const machine = newMachine();
  joinHost(machine, 'alpha', 2);
  createRun(machine, options);
  return machine;
}

function endWith(machine: Machine, number: number, product: Parameters<typeof end>[4]) {
  return end(machine, attemptOf(machine, number), undefined, noUsage, product);
}

test('the same program with other predictions takes the score of the first one, and the evaluator is not asked', () => {
  const machine = started();
  endWith(machine, 1, { codeDigest: program });
  scored(machine, attemptOf(machine, 1), 0.5);
  const commands = endWith(machine, 2, { codeDigest: program });
  const [first, second] = [attemptOf(machine, 1), attemptOf(machine, 2)];
  expect(machine.journal.find((event) => event.kind === 'candidateDuplicated')).toMatchObject({
    attemptId: second.id,
    duplicateOf: first.id,
    by: 'code',
  });
  expect(second).toMatchObject({ phase: 'scored', score: first.score, duplicate: { of: first.id, by: 'code' } });
  const asked = commands.filter((command) => command.kind === 'evaluate');
  expect(asked.some((command) => isWanted(machine.state, command))).toBe(false);
  expect(audit(machine.state)).toEqual([]);
});

test('a repeat that was evaluated beside the first one leaves the population, so it is no parent and no finalist', () => {
  const machine = started({ draftProbability: 0 });
  const submission = digestOf(attemptOf(machine, 1));
  endWith(machine, 1, { submission });
  endWith(machine, 2, { submission });
  scored(machine, attemptOf(machine, 2), 0.5);
  scored(machine, attemptOf(machine, 1), 0.5);
  const [first, second] = [attemptOf(machine, 1), attemptOf(machine, 2)];
  expect(first.duplicate).toEqual({ of: second.id, by: 'predictions' });
  const population = machine.state.runs.get(id)?.population;
  expect(population === undefined ? [] : top(population, 10).map((candidate) => candidate.id)).toEqual([second.id]);
  for (const attempt of machine.state.attempts.values()) expect(attempt.parents).not.toContain(first.id);
});

test('the verdict is asked for when the last repeat is known for one, so that none is a finalist', () => {
  const machine = started();
  endWith(machine, 1, { codeDigest: program });
  machine.take({ kind: 'runPaused', runId: id });
  endWith(machine, 2, { codeDigest: program });
  machine.take({ kind: 'runSealing', runId: id, endReason: 'cancelled' });
  for (const attempt of leased(machine)) end(machine, attempt, 'cancelled');
  scored(machine, attemptOf(machine, 1), 0.5);
  const commands = scored(machine, attemptOf(machine, 2), 0.4);
  expect(attemptOf(machine, 2).duplicate).toEqual({ of: attemptOf(machine, 1).id, by: 'code' });
  expect(commands.filter(({ kind }) => kind === 'sealRun')).toMatchObject([{ finalists: [attemptOf(machine, 1).id] }]);
});

test('the next attempts are told in their notes what repeated what', () => {
  const machine = started();
  endWith(machine, 1, { codeDigest: program });
  scored(machine, attemptOf(machine, 1), 0.5);
  endWith(machine, 2, { codeDigest: program });
  const next = [...machine.state.attempts.values()].at(-1);
  const notes = next === undefined ? [] : (brief(machine.state, next.id)?.notes ?? []);
  const note = notes.find(({ candidateId }) => candidateId === attemptOf(machine, 2).id);
  expect(note?.text).toContain(`The same program as ${attemptOf(machine, 1).id}`);
  expect(note?.text).toContain('note of');
});

test('repeats count as candidates, so that a policy that repeats itself comes to an end', () => {
  const machine = started({ candidates: 3 });
  for (let number = 1; number <= 3; number += 1) {
    endWith(machine, number, { codeDigest: program });
    if (attemptOf(machine, number).phase === 'evaluating') scored(machine, attemptOf(machine, number), 0.5);
  }
  expect(machine.state.runs.get(id)).toMatchObject({ phase: 'sealing', endReason: 'candidates', duplicates: 2 });
  expect(machine.commands.at(-1)).toMatchObject({ kind: 'sealRun', finalists: [attemptOf(machine, 1).id] });
});

test('what failed or was quarantined is repeated by nobody', () => {
  const machine = started();
  endWith(machine, 1, { codeDigest: program });
  scored(machine, attemptOf(machine, 1), 1, true);
  endWith(machine, 2, { codeDigest: program });
  expect(attemptOf(machine, 2)).toMatchObject({ phase: 'evaluating', duplicate: undefined });
});

test('journals from before there were duplicates keep both candidates as they were', () => {
  const machine = started();
  const submission = digestOf(attemptOf(machine, 1));
  endWith(machine, 1, { submission });
  endWith(machine, 2, { submission });
  scored(machine, attemptOf(machine, 1), 0.5);
  scored(machine, attemptOf(machine, 2), 0.5);
  const state = newState();
  for (const event of machine.journal) if (event.kind !== 'candidateDuplicated') step(state, event);
  expect(state.runs.get(id)?.population.ranked).toHaveLength(2);
  expect(audit(state)).toEqual([]);
});
