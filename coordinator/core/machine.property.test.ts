import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from '../../shared/core/canonical-json.ts';
import { digest, hostName, runId } from '../../shared/core/ids.ts';
import { failureReasons, noUsage } from '../../shared/core/vocabulary.ts';
import { audit } from './audit.ts';
import type { Event, StampedEvent } from './event.ts';
import { description, limits, newMachine, task } from './machine.test-support.ts';
import { defaultOptions } from './options.ts';
import { isWanted, outstanding } from './outstanding.ts';
import { snapshot } from './snapshot.ts';
import type { Attempt, State } from './state.ts';
import { newState } from './state.ts';
import { step } from './step.ts';

/** One random act: what, about which of the things there are, and a number to vary it. */
const act = fc.record({
  what: fc.integer({ min: 0, max: 21 }),
  which: fc.nat(1000),
  value: fc.double({ min: -1, max: 1, noNaN: true }),
  stale: fc.integer({ min: 0, max: 9 }),
  advanceMs: fc.nat(20_000),
});
type Act = typeof act extends fc.Arbitrary<infer Value> ? Value : never;

const verdict = {
  runId: 'r',
  winnerId: '',
  finalists: [],
  intervalLow: 0,
  intervalHigh: 0,
  baselineValidationScore: 0,
  baselineSearchScore: 0,
  baselineName: '',
  ledgerHead: '',
  metric: '',
  lowerIsBetter: true,
  validationRows: 1,
  hasFinalSubmission: false,
};

function eventOf(state: State, { what, which, value, stale }: Act): Event {
  const host = hostName(`h${which % 3}`);
  const run = runId(`run-${which % 2}`);
  if (what < 2) return { kind: 'hostJoined', host, description: description(1 + (which % 2), 1 + (which % 2)) };
  if (what === 2) return { kind: 'hostLost', host, reason: 'silent' };
  if (what === 3) return { kind: 'hostSuspected', host, reason: 'silent' };
  if (what === 4) return { kind: 'hostRecovered', host };
  if (what === 5 && stale > 6) {
    return { kind: 'hostDrainStarted', host, reason: 'because', by: 'me', deadlineMs: which * 20 };
  }
  if (what === 5) return { kind: which % 2 === 0 ? 'hostCordoned' : 'hostUncordoned', host, reason: 'because' };
  if (what === 6) {
    const changed = { ...description(which % 3, 1 + (which % 3)), draining: value > 0.8 };
    return { kind: 'hostChanged', host, description: changed };
  }
  if (what === 7) {
    const options = {
      ...defaultOptions,
      limits,
      seed: which,
      candidates: 12,
      crossoverProbability: 0.5,
      scoreQueries: 2,
    };
    return { kind: 'runCreated', runId: run, requestId: run, task: { ...task, lowerIsBetter: value > 0 }, options };
  }
  if (what === 8) return { kind: which % 3 === 0 ? 'runPaused' : 'runResumed', runId: run };
  if (what === 9 && which % 20 === 1) return { kind: 'runBudgetSpent', runId: run, budget: 'dollars' };
  if (what === 9 && which % 20 === 2) return { kind: 'runSteered', runId: run, guidance: `try ${value}` };
  if (what === 9 && which % 20 === 3) return { kind: 'runKilled', runId: run, seal: value > 0.5 };
  if (what === 9 && which % 20 === 0) return { kind: 'runSealing', runId: run, endReason: 'cancelled' };
  if (what === 10) return { kind: 'runSealed', runId: run, verdict };
  const attempts = [...state.attempts.values()];
  // Mostly the newest attempts, sometimes any of them: late reports and duplicates.
  const recent = attempts.slice(stale === 0 ? 0 : -6);
  const attempt = recent[which % Math.max(1, recent.length)];
  return attempt === undefined ? { kind: 'clockTicked' } : eventOfAttempt(attempt, { what, which, value, stale });
}

function eventOfAttempt(attempt: Attempt, { what, which, value, stale }: Omit<Act, 'advanceMs'>): Event {
  const { id: attemptId, runId: run } = attempt;
  const epoch = Math.max(0, attempt.epoch - (stale === 1 ? 1 : 0));
  const host = stale === 2 || attempt.host === undefined ? hostName('h9') : attempt.host;
  const about = { runId: run, attemptId, epoch };
  if (what === 11) return { kind: 'attemptLost', ...about, host, message: 'unknown there' };
  if (what === 12) return { kind: 'attemptStarted', ...about, host };
  if (what === 13 && value > 0.5) return { kind: 'candidateReleased', ...about, by: 'me', reason: 'looked at' };
  if (what === 13) return { kind: 'candidateRefused', ...about, failureReason: 'badSubmission', message: 'bad' };
  const submission = digest(`${which % 4}`.repeat(64));
  if (what === 20) return { kind: 'scoreAsked', ...about, host, submission };
  if (what === 21) {
    const answer = value > 0.5 ? { refusal: 'bad' } : { feedback: '0.4 ± 0.1' };
    return { kind: 'scoreTold', ...about, submission, answer };
  }
  if (what < 17) {
    const score = { value, standardError: 0, feedback: '', quarantined: value > 0.9, quarantineReason: '' };
    return { kind: 'candidateScored', ...about, score };
  }
  const failureReason = which % 3 === 0 ? failureReasons[which % failureReasons.length] : undefined;
  const artifacts = which % 7 === 0 ? {} : { submission: digest(`${which % 5}`.repeat(64)) };
  const usage = { ...noUsage, dollars: 0.1 };
  const codeDigest = stale === 3 ? undefined : digest(`${which % 4}`.repeat(64));
  return {
    kind: 'attemptEnded',
    ...about,
    host,
    failureReason,
    artifacts,
    codeDigest,
    usage,
    runSeconds: 1,
    note: 'x',
  };
}

test('whatever happens in whatever order, no invariant breaks and the journal tells the whole state', () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 1, maxLength: 120 }), (acts) => {
      const machine = newMachine();
      for (const next of acts) {
        const event = eventOf(machine.state, next);
        machine.take(event, next.advanceMs);
        expect(audit(machine.state)).toEqual([]);
        // The same again is a duplicate: it must leave no trace, unless it is time itself.
        if (event.kind !== 'clockTicked') expect(machine.take(event, 0)).toEqual([]);
      }
      const replayed = fold(JSON.parse(JSON.stringify(machine.journal)) as StampedEvent[]);
      expect(canonicalJson(snapshot(replayed))).toBe(canonicalJson(snapshot(machine.state)));
      expect(outstanding(replayed)).toEqual(outstanding(machine.state));
      expect(audit(replayed)).toEqual([]);
      expect(outstanding(machine.state).every((command) => isWanted(machine.state, command))).toBe(true);
    }),
    { numRuns: 150 },
  );
});

test('a run folded from its own events alone is the same run', () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 20, maxLength: 120 }), (acts) => {
      const machine = newMachine();
      for (const next of acts) machine.take(eventOf(machine.state, next), next.advanceMs);
      for (const run of machine.state.runs.values()) {
        const own = fold(machine.journal.filter((event) => 'runId' in event && event.runId === run.id));
        const runs = snapshot(own) as { runs: unknown[]; attempts: unknown[] };
        const all = snapshot(machine.state) as { runs: { id: string }[]; attempts: { runId: string }[] };
        expect(runs.runs).toEqual(all.runs.filter((other) => other.id === run.id));
        expect(runs.attempts).toEqual(all.attempts.filter((attempt) => attempt.runId === run.id));
      }
    }),
    { numRuns: 50 },
  );
});

function fold(journal: readonly StampedEvent[]): State {
  const state = newState();
  for (const event of journal) step(state, event);
  return state;
}
