import { expect, test } from 'vitest';
import { hostName, runId } from '../../shared/core/ids.ts';
import { noUsage } from '../../shared/core/vocabulary.ts';
import { audit } from './audit.ts';
import { brief } from './brief.ts';
import { elapsedMs, nextWakeMs } from './budget.ts';
import {
  attemptOf,
  createRun,
  description,
  end,
  joinHost,
  leased,
  newMachine,
  rankedOf,
  scored,
} from './machine.test-support.ts';
import { isWanted, leasesOf, outstanding } from './outstanding.ts';

const id = runId('digits-aaaaaa');
const alpha = hostName('alpha');

test('each free slot gets a draft, on a slot of its own, under an epoch of its own', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 2, 2);
  createRun(machine, { parallelAttempts: 2 });
  const [first, second] = leased(machine);
  expect([first?.operator, second?.operator]).toEqual(['draft', 'draft']);
  expect(new Set([first?.slotId, second?.slotId]).size).toBe(2);
  expect([first?.epoch, second?.epoch]).toEqual([1, 2]);
  expect(machine.commands.map((command) => command.kind)).toEqual(['startAttempt', 'startAttempt']);
  expect(audit(machine.state)).toEqual([]);
});

test('a finished attempt frees its slot at once, without a barrier, and goes to the evaluator', () => {
  const machine = newMachine();
  joinHost(machine);
  createRun(machine);
  end(machine, attemptOf(machine, 2));
  scored(machine, attemptOf(machine, 2), 1);
  const commands = end(machine, attemptOf(machine, 1));
  expect(commands.map((command) => command.kind)).toEqual(['closeAccount', 'evaluate', 'startAttempt']);
  expect(attemptOf(machine, 1).phase).toBe('evaluating');
  expect(leased(machine)).toHaveLength(2);
});

test('once each slot had a draft, a free lane waits for the first score rather than start one more', () => {
  const machine = newMachine();
  joinHost(machine);
  createRun(machine);
  end(machine, attemptOf(machine, 1));
  expect(machine.state.attempts.size).toBe(2);
  scored(machine, attemptOf(machine, 1), 0.5);
  expect(attemptOf(machine, 3).operator).not.toBe('repair');
  expect(leased(machine)).toHaveLength(2);
});

test('once each slot had a draft, scored candidates become parents', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { draftProbability: 0, crossoverProbability: 0 });
  end(machine, attemptOf(machine, 1));
  scored(machine, attemptOf(machine, 1), 0.5);
  expect(attemptOf(machine, 1).wasBest).toBe(true);
  end(machine, attemptOf(machine, 2), 'gaveUp');
  expect(attemptOf(machine, 3)).toMatchObject({ operator: 'mutate', parents: [attemptOf(machine, 1).id] });
  expect(brief(machine.state, attemptOf(machine, 3).id)).toMatchObject({
    operator: 'mutate',
    parents: [{ score: 'about 0.5', note: 'note of digits-aaaaaa-0001' }],
  });
});

test('an agent is shown the feedback, never the score', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { draftProbability: 0, crossoverProbability: 0 });
  end(machine, attemptOf(machine, 1));
  scored(machine, attemptOf(machine, 1), 0.123456);
  end(machine, attemptOf(machine, 2), 'gaveUp');
  expect(JSON.stringify(brief(machine.state, attemptOf(machine, 3).id))).not.toContain('0.123456');
});

test('two lanes never cross the same two parents at once', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 4);
  createRun(machine, { draftProbability: 0, crossoverProbability: 1 });
  for (const number of [1, 2]) {
    end(machine, attemptOf(machine, number));
    scored(machine, attemptOf(machine, number), number);
  }
  for (const attempt of leased(machine).slice(0, 2)) end(machine, attempt, 'gaveUp');
  const crossovers = leased(machine).filter((attempt) => attempt.operator === 'crossover');
  expect(crossovers).toHaveLength(1);
  expect(audit(machine.state)).toEqual([]);
});

test('a crash is offered once to a repair, giving up is not, and a failed repair is left alone', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine);
  end(machine, attemptOf(machine, 1), 'crash');
  expect(attemptOf(machine, 2)).toMatchObject({ operator: 'repair', parents: [attemptOf(machine, 1).id] });
  end(machine, attemptOf(machine, 2), 'crash');
  expect(attemptOf(machine, 3).operator).toBe('draft');
  end(machine, attemptOf(machine, 3), 'gaveUp');
  expect(attemptOf(machine, 4).operator).toBe('draft');
});

test('a refused submission is a failure with its reason, and may be repaired', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine);
  const attempt = attemptOf(machine, 1);
  end(machine, attempt);
  const { runId: run, id: attemptId, epoch } = attempt;
  const message = 'row 7: no number';
  machine.take({ kind: 'candidateRefused', runId: run, attemptId, epoch, failureReason: 'badSubmission', message });
  expect(attempt).toMatchObject({
    phase: 'failed',
    failureReason: 'badSubmission',
    failureMessage: 'row 7: no number',
  });
  expect(attemptOf(machine, 2)).toMatchObject({ operator: 'repair', parents: [attemptId] });
});

test('an implausible score is quarantined and never a parent or a finalist', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { draftProbability: 0 });
  end(machine, attemptOf(machine, 1));
  scored(machine, attemptOf(machine, 1), 0, true);
  expect(attemptOf(machine, 1).phase).toBe('quarantined');
  end(machine, attemptOf(machine, 2), 'gaveUp');
  expect(attemptOf(machine, 3).operator).toBe('draft');
  machine.take({ kind: 'runSealing', runId: id, endReason: 'cancelled' });
  end(machine, attemptOf(machine, 3), 'cancelled');
  expect(outstanding(machine.state)).toMatchObject([{ kind: 'sealRun', finalists: [] }]);
});

test('a candidate that was held back and released goes on as any other, with its evidence', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { draftProbability: 0, crossoverProbability: 0 });
  end(machine, attemptOf(machine, 1));
  scored(machine, attemptOf(machine, 1), 0.5, true);
  const { id: attemptId, epoch } = attemptOf(machine, 1);
  const release = { kind: 'candidateReleased', runId: id, attemptId, epoch, by: 'alice', reason: 'read it' } as const;
  machine.take(release);
  expect(attemptOf(machine, 1)).toMatchObject({
    phase: 'scored',
    wasBest: true,
    failureMessage: expect.stringContaining('released by alice: read it'),
  });
  expect(audit(machine.state)).toEqual([]);
  // Twice is once, and another's epoch is nobody's.
  machine.take(release);
  machine.take({ ...release, epoch: epoch + 1 });
  const run = machine.state.runs.get(id);
  expect(run).toMatchObject({ quarantined: 0 });
  expect(rankedOf(run)).toMatchObject([{ value: 0.5 }]);
  end(machine, attemptOf(machine, 2), 'gaveUp');
  expect(attemptOf(machine, 3)).toMatchObject({ operator: 'mutate', parents: [attemptId] });
  // Why it was held back has its score in it, which nobody who works on is to see.
  expect(brief(machine.state, attemptOf(machine, 3).id)?.parents).toMatchObject([{ failureMessage: '' }]);
});

test('no more attempts run than could still count', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 4);
  createRun(machine, { candidates: 2 });
  expect(leased(machine)).toHaveLength(2);
  end(machine, attemptOf(machine, 1));
  scored(machine, attemptOf(machine, 1), 1);
  expect(machine.state.attempts.size).toBe(2);
  end(machine, attemptOf(machine, 2), 'gaveUp');
  expect(leased(machine)).toHaveLength(1);
});

test('the candidate budget seals the run with the best first', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { candidates: 3, finalists: 2 });
  for (const [number, value] of [3, 1, 2].entries()) {
    end(machine, attemptOf(machine, number + 1));
    scored(machine, attemptOf(machine, number + 1), value);
  }
  expect(machine.state.runs.get(id)).toMatchObject({ phase: 'sealing', endReason: 'candidates' });
  expect(machine.commands.at(-1)).toMatchObject({
    kind: 'sealRun',
    finalists: ['digits-aaaaaa-0002', 'digits-aaaaaa-0003'],
  });
});

test.each([
  ['dollars', { dollars: 1 }, { dollars: 1.5 }],
  ['tokens', { tokens: 100 }, { outputTokens: 100 }],
] as const)(
  'a budget of %s stops new attempts; what is under way counts, and then the run ends',
  (budget, options, usage) => {
    const machine = newMachine();
    joinHost(machine, 'alpha', 2);
    createRun(machine, options);
    end(machine, attemptOf(machine, 1), undefined, { ...noUsage, ...usage });
    scored(machine, attemptOf(machine, 1), 2);
    expect(machine.state.runs.get(id)).toMatchObject({ phase: 'running', spentBudget: budget });
    expect(leased(machine).map((attempt) => attempt.number)).toEqual([2]);
    end(machine, attemptOf(machine, 2));
    scored(machine, attemptOf(machine, 2), 1);
    expect(machine.state.runs.get(id)).toMatchObject({ phase: 'sealing', endReason: budget });
    expect(machine.commands.at(-1)).toMatchObject({
      kind: 'sealRun',
      finalists: [attemptOf(machine, 2).id, attemptOf(machine, 1).id],
    });
  },
);

test('a gateway that has no money left for a run ends it, and what waits or is lost is not run again', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 2);
  createRun(machine, { dollars: 1 });
  const { runId: run, id: attemptId, epoch } = attemptOf(machine, 1);
  machine.take({ kind: 'runBudgetSpent', runId: run, budget: 'dollars' });
  machine.take({ kind: 'attemptLost', runId: run, attemptId, epoch, host: hostName('alpha'), message: 'no money' });
  expect(attemptOf(machine, 1)).toMatchObject({ phase: 'failed', failureReason: 'cancelled' });
  end(machine, attemptOf(machine, 2), 'gaveUp');
  expect(machine.state.runs.get(id)).toMatchObject({ phase: 'sealing', endReason: 'dollars' });
});

test('guidance that is added to a live run is told to its hosts, and to later attempts after that of its options', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { guidance: 'be quick' });
  const commands = machine.take({ kind: 'runSteered', runId: id, guidance: 'try trees' });
  expect(commands).toEqual([{ kind: 'tellGuidance', runId: id, host: 'alpha', number: 1 }]);
  expect(brief(machine.state, attemptOf(machine, 1).id)?.guidanceAdded).toBe(1);
  expect(brief(machine.state, attemptOf(machine, 1).id)?.guidance).toBe('be quick\n\ntry trees');
  const events = machine.journal.length;
  machine.take({ kind: 'runSteered', runId: id, guidance: 'try trees' });
  machine.take({ kind: 'runSteered', runId: id, guidance: 'x'.repeat(8200) });
  machine.take({ kind: 'runSteered', runId: id, guidance: ' ' });
  expect(machine.journal).toHaveLength(events);
});

test('a budget of slot-hours ends the run at once', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 2);
  createRun(machine, { slotHours: 0.5 });
  end(machine, attemptOf(machine, 1), undefined, { ...noUsage, slotSeconds: 1800 });
  expect(machine.state.runs.get(id)).toMatchObject({ phase: 'sealing', endReason: 'slot-hours' });
  expect(outstanding(machine.state).map((command) => command.kind)).toEqual(['cancelAttempt', 'evaluate']);
});

test('the wall-clock budget counts working time without pauses', () => {
  const machine = newMachine();
  joinHost(machine);
  createRun(machine, { wallSeconds: 100 });
  machine.take({ kind: 'runPaused', runId: id }, 40_000);
  machine.take({ kind: 'clockTicked' }, 500_000);
  expect(machine.state.runs.get(id)?.phase).toBe('paused');
  expect(nextWakeMs(machine.state)).toBeUndefined();
  machine.take({ kind: 'runResumed', runId: id });
  expect((nextWakeMs(machine.state) ?? 0) - machine.state.clockMs).toBe(60_000);
  machine.take({ kind: 'clockTicked' }, 59_000);
  expect(machine.state.runs.get(id)?.phase).toBe('running');
  machine.take({ kind: 'clockTicked' }, 1000);
  const run = machine.state.runs.get(id);
  expect(run).toMatchObject({ phase: 'sealing', endReason: 'wall-clock' });
  expect(run === undefined ? 0 : elapsedMs(run, machine.state.clockMs + 9_999)).toBe(100_000);
});

test('a paused run plans nothing and lets running attempts go on', () => {
  const machine = newMachine();
  joinHost(machine);
  createRun(machine);
  machine.take({ kind: 'runPaused', runId: id });
  end(machine, attemptOf(machine, 1), 'gaveUp');
  expect(machine.state.attempts.size).toBe(2);
  machine.take({ kind: 'runResumed', runId: id });
  expect(machine.state.attempts.size).toBe(3);
});

test('what a lost host held runs elsewhere under a larger epoch, and its late result changes nothing', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine);
  const attempt = attemptOf(machine, 1);
  const stale = { ...attempt };
  joinHost(machine, 'beta', 1);
  machine.take({ kind: 'hostLost', host: alpha, reason: 'no answer' });
  expect(attempt).toMatchObject({ phase: 'planned', epoch: 1 });
  end(machine, attemptOf(machine, 2), 'gaveUp');
  expect(attempt).toMatchObject({ phase: 'leased', host: 'beta', tries: 2 });
  expect(attempt.epoch).toBeGreaterThan(stale.epoch);
  const journaled = machine.journal.length;
  expect(end(machine, stale)).toEqual([]);
  expect(machine.journal).toHaveLength(journaled);
  expect(leasesOf(machine.state, hostName('beta'))).toEqual([
    { runId: id, attemptId: attempt.id, epoch: attempt.epoch },
  ]);
  expect(audit(machine.state)).toEqual([]);
});

test('an attempt that no host can carry fails after four leases', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine, { parallelAttempts: 1 });
  for (let turn = 0; turn < 4; turn += 1) {
    end(machine, attemptOf(machine, 1), 'infrastructure');
    machine.take({ kind: 'clockTicked' }, 60_000);
  }
  expect(attemptOf(machine, 1)).toMatchObject({ phase: 'failed', failureReason: 'infrastructure', tries: 4 });
});

test('without a model the run slows down instead of burning through attempts', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine);
  for (let turn = 0; turn < 100; turn += 1) {
    const [attempt] = leased(machine);
    if (attempt !== undefined) end(machine, attempt, 'modelUnavailable');
    else machine.take({ kind: 'clockTicked' }, 1000);
  }
  expect(machine.state.attempts.size).toBeLessThan(15);
});

test('cordoned, draining, suspected and unusable places get no work and keep what they have', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 1);
  createRun(machine);
  machine.take({ kind: 'hostCordoned', host: alpha, reason: 'new cooler' });
  end(machine, attemptOf(machine, 1), 'gaveUp');
  expect(leased(machine)).toEqual([]);
  machine.take({ kind: 'hostUncordoned', host: alpha });
  expect(leased(machine)).toHaveLength(1);
  machine.take({ kind: 'hostChanged', host: alpha, description: { ...description(1), draining: true } });
  expect(leased(machine)).toHaveLength(1);
  end(machine, attemptOf(machine, 2), 'gaveUp');
  expect(leased(machine)).toEqual([]);
  const [slot] = description(1).slots;
  const sick = slot === undefined ? [] : [{ ...slot, health: 'unusable' }];
  machine.take({ kind: 'hostChanged', host: alpha, description: { ...description(1), slots: sick } });
  expect(leased(machine)).toEqual([]);
  machine.take({ kind: 'hostChanged', host: alpha, description: description(1) });
  expect(leased(machine)).toHaveLength(1);
  machine.take({ kind: 'hostSuspected', host: alpha, reason: 'silent' });
  end(machine, attemptOf(machine, 3), 'gaveUp');
  expect(leased(machine)).toEqual([]);
  expect(audit(machine.state)).toEqual([]);
});

test('two runs share the lanes', () => {
  const machine = newMachine();
  createRun(machine, {}, 'digits-aaaaaa');
  createRun(machine, {}, 'digits-bbbbbb');
  joinHost(machine, 'alpha', 4);
  const sizes = [...machine.state.runs.values()].map((run) => run.inFlight.size);
  expect(sizes).toEqual([2, 2]);
});

test('cancelling ends what waits, stops what runs, and seals when all is at rest', () => {
  const machine = newMachine();
  joinHost(machine);
  createRun(machine);
  end(machine, attemptOf(machine, 1));
  scored(machine, attemptOf(machine, 1), 1);
  machine.take({ kind: 'runSealing', runId: id, endReason: 'cancelled' });
  const cancels = outstanding(machine.state);
  expect(cancels.map((command) => command.kind)).toEqual(['cancelAttempt', 'cancelAttempt']);
  for (const attempt of leased(machine)) end(machine, attempt, 'cancelled');
  expect(cancels.every((command) => !isWanted(machine.state, command))).toBe(true);
  expect(outstanding(machine.state)).toMatchObject([{ kind: 'sealRun', finalists: ['digits-aaaaaa-0001'] }]);
});

test('the same request makes one run', () => {
  const machine = newMachine();
  createRun(machine);
  createRun(machine);
  expect(machine.journal).toHaveLength(1);
});
