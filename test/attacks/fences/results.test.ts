// Results that a host with a valid certificate and signature sends although they are not its to send: of another host's attempt, of an epoch
// that has passed or was never given out, twice, of a candidate that is scored. The coordinator's core decides; what the shell checks before it,
// signatures and subjects, is in test/attacks/nats. None may change the state; beside each stands the one that may.

import { expect, test } from 'vitest';
import { audit } from '../../../coordinator/core/audit.ts';
import type { Event } from '../../../coordinator/core/event.ts';
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
} from '../../../coordinator/core/machine.test-support.ts';
import type { Attempt } from '../../../coordinator/core/state.ts';
import { stateHash } from '../../../coordinator/journal/journal.ts';
import { attemptId, hostName, runId } from '../../../shared/core/ids.ts';
import { nextFloat, nextInt, type Rng, seedRng } from '../../../shared/core/rng.ts';
import { noUsage } from '../../../shared/core/vocabulary.ts';
import { measured } from '../../support/measured.ts';

type Ended = Extract<Event, { kind: 'attemptEnded' }>;

/** What the host of an attempt would send at its end. */
function honestEnd(attempt: Attempt): Ended {
  return {
    ...{ kind: 'attemptEnded', runId: attempt.runId, attemptId: attempt.id, epoch: attempt.epoch },
    ...{ host: attempt.host ?? hostName('alpha'), failureReason: undefined, failureMessage: undefined },
    ...{ artifacts: { submission: digestOf(attempt, 7), solution: digestOf(attempt, 8) }, codeDigest: undefined },
    ...{ usage: noUsage, runSeconds: 1, note: 'mine now' },
  };
}

/** Attempts of a run in several phases on two hosts; of some the host was lost, so that they have an epoch that has passed. */
function fleetAtWork(): Machine {
  const machine = newMachine();
  joinHost(machine, 'alpha', 4);
  joinHost(machine, 'beta', 4);
  createRun(machine, { candidates: 60 });
  for (const attempt of leased(machine).slice(0, 3)) {
    end(machine, attempt);
    scored(machine, attempt, 0.5);
  }
  machine.take({ kind: 'hostLost', host: hostName('beta'), reason: 'silent' }, 60_000);
  joinHost(machine, 'beta', 4);
  return machine;
}

const lies: Readonly<Record<string, (attempt: Attempt, rng: Rng) => Event>> = {
  'another host’s attempt': (attempt) => {
    const other = hostName(attempt.host === hostName('alpha') ? 'beta' : 'alpha');
    return { ...honestEnd(attempt), host: other };
  },
  'an epoch that has passed': (attempt, rng) => ({
    ...honestEnd(attempt),
    epoch: attempt.epoch - 1 - nextInt(rng, attempt.epoch),
  }),
  'an epoch that nobody gave out': (attempt, rng) => ({
    ...honestEnd(attempt),
    epoch: attempt.epoch + 1 + nextInt(rng, 1000),
  }),
  'an attempt that does not exist': (attempt) => ({
    ...honestEnd(attempt),
    attemptId: attemptId(`${attempt.runId}-9999`),
  }),
  'another run’s attempt': (attempt) => ({ ...honestEnd(attempt), runId: runId('digits-bbbbbb') }),
  'a score that nobody asked for': (attempt, rng) => ({
    ...{ kind: 'candidateScored', runId: attempt.runId, attemptId: attempt.id, epoch: attempt.epoch },
    score: { value: nextFloat(rng), standardError: 0.01, feedback: '1', quarantined: false, quarantineReason: '' },
  }),
};

test('0 of 1,000 results under another epoch, of another host’s attempt or that nobody asked for are accepted', ({
  task,
}) => {
  const machine = fleetAtWork();
  const rng = seedRng('fences');
  const names = Object.keys(lies);
  const before = stateHash(machine.state);
  const tried: Record<string, number> = {};
  for (let lie = 0; lie < 1000; lie += 1) {
    const open = leased(machine);
    const attempt = open[nextInt(rng, open.length)];
    const name = names[lie % names.length] ?? '';
    const event = attempt === undefined ? undefined : lies[name]?.(attempt, rng);
    if (event === undefined) throw new Error('nothing is at work');
    machine.take(event, 0);
    expect(stateHash(machine.state), name).toBe(before);
    tried[name] = (tried[name] ?? 0) + 1;
  }
  measured(
    task,
    `1,000 forged, 0 accepted: ${Object.entries(tried)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
  );
  // Positive control: the same result of the host that holds the attempt, under its epoch, is taken.
  const [attempt] = leased(machine);
  if (attempt === undefined) throw new Error('nothing is at work');
  machine.take(honestEnd(attempt), 0);
  expect(attempt.phase).toBe('evaluating');
  expect(stateHash(machine.state)).not.toBe(before);
  expect(audit(machine.state)).toEqual([]);
});

test('the same end sent again, whatever is in it now, and an end after the score, change nothing', ({ task }) => {
  const machine = fleetAtWork();
  const rng = seedRng('repeats');
  let repeats = 0;
  for (const attempt of leased(machine).slice(0, 3)) {
    end(machine, attempt);
    const waiting = stateHash(machine.state);
    for (let again = 0; again < 50; again += 1) {
      machine.take({ ...honestEnd(attempt), runSeconds: nextInt(rng, 1000) }, 0);
      repeats += 1;
    }
    expect(stateHash(machine.state)).toBe(waiting);
    scored(machine, attempt, 0.6);
    expect(attempt.phase).toBe('scored');
    const done = stateHash(machine.state);
    for (let again = 0; again < 50; again += 1) {
      machine.take(honestEnd(attempt), 0);
      scored(machine, attempt, nextFloat(rng));
      repeats += 2;
    }
    expect(stateHash(machine.state)).toBe(done);
  }
  measured(task, `${repeats} repeats`);
  expect(attemptOf(machine, 1).phase).toBe('scored');
});
