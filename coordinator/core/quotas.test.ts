import fc from 'fast-check';
import { expect, test } from 'vitest';
import { runId } from '../../shared/core/ids.ts';
import { audit } from './audit.ts';
import {
  attemptOf,
  end,
  joinHost,
  leased,
  limits,
  type Machine,
  newMachine,
  scored,
  task,
} from './machine.test-support.ts';
import { defaultOptions } from './options.ts';
import { ownersAttempts, quotaOf } from './quotas.ts';
import type { Quotas, Run } from './state.ts';

function create(machine: Machine, id: string, owner: string | undefined, priority = 1): Run {
  const options = { ...defaultOptions, limits, seed: 1, priority };
  machine.take({ kind: 'runCreated', runId: runId(id), requestId: id, task, options, owner });
  const run = machine.state.runs.get(runId(id));
  if (run === undefined) throw new Error('the run was not created');
  return run;
}

const lanes = (machine: Machine, run: Run): number => leased(machine).filter((it) => it.runId === run.id).length;
const set = (machine: Machine, quotas: Quotas) => machine.take({ kind: 'quotasSet', quotas });

test('the runs of one owner share its quota, and what it leaves goes to others', () => {
  const machine = newMachine();
  set(machine, { parallelAttempts: 3, owners: { carol: 0 } });
  const runs = [create(machine, 'a1', 'alice', 100), create(machine, 'a2', 'alice'), create(machine, 'b1', 'bob')];
  joinHost(machine, 'alpha', 8);
  expect(ownersAttempts(machine.state, runs[0] as Run)).toBe(3);
  expect(lanes(machine, runs[2] as Run)).toBe(3);
  // Two slots are idle: nobody who may have more wants them. A name without a limit takes them, and so does an older run.
  const carol = create(machine, 'c1', 'carol');
  expect(lanes(machine, carol)).toBe(2);
  expect(audit(machine.state)).toEqual([]);
});

test('runs without an owner, of earlier versions, have no quota', () => {
  const machine = newMachine();
  set(machine, { parallelAttempts: 1, owners: {} });
  joinHost(machine, 'alpha', 4);
  expect(lanes(machine, create(machine, 'old', undefined))).toBe(4);
});

test('a run within a quota drafts once for each slot that it may use, and no more', () => {
  const machine = newMachine();
  set(machine, { parallelAttempts: 2, owners: {} });
  joinHost(machine, 'alpha', 8);
  const run = create(machine, 'a1', 'alice');
  for (const number of [1, 2]) {
    end(machine, attemptOf(machine, number, run.id));
    scored(machine, attemptOf(machine, number, run.id), number);
  }
  expect([1, 2].map((number) => attemptOf(machine, number, run.id).operator)).toEqual(['draft', 'draft']);
  expect(run.draftsPlanned).toBeLessThanOrEqual(3);
});

test('a smaller quota stops nothing that runs; a larger one is used at once; the same is no event', () => {
  const machine = newMachine();
  joinHost(machine, 'alpha', 4);
  const run = create(machine, 'a1', 'alice');
  expect(lanes(machine, run)).toBe(4);
  set(machine, { parallelAttempts: 0, owners: { alice: 1 } });
  expect(lanes(machine, run)).toBe(4);
  end(machine, attemptOf(machine, 1, run.id));
  scored(machine, attemptOf(machine, 1, run.id), 1);
  expect(lanes(machine, run)).toBe(3);
  const { length } = machine.journal;
  set(machine, { parallelAttempts: 0, owners: { alice: 1 } });
  expect(machine.journal).toHaveLength(length);
  set(machine, { parallelAttempts: 0, owners: {} });
  expect(lanes(machine, run)).toBe(4);
});

const owners = ['alice', 'bob', 'constructor'];
const act = fc.record({ what: fc.nat(5), which: fc.nat(100), quota: fc.nat(4) });

test('whatever happens, no lease is given beyond a quota, and no slot idles that a run may have', () => {
  fc.assert(
    fc.property(fc.array(act, { minLength: 5, maxLength: 50 }), (acts) => {
      const machine = newMachine();
      for (const { what, which, quota } of acts) {
        const owner = owners[which % owners.length] ?? '';
        const before = new Map([...machine.state.runs.values()].map((run) => [run.owner, held(machine, run)]));
        if (what === 0) joinHost(machine, `h${which % 2}`, 3);
        else if (what === 1) create(machine, `r${which % 5}`, owner, 1 + (which % 3));
        else if (what === 2) set(machine, { parallelAttempts: quota, owners: { [owner]: which % 4 } });
        else if (leased(machine).length > 0) {
          const attempt = leased(machine)[which % leased(machine).length];
          if (attempt !== undefined) end(machine, attempt, what === 3 ? 'infrastructure' : undefined);
        }
        for (const run of machine.state.runs.values()) {
          const most = quotaOf(machine.state, run);
          if (most > 0) expect(held(machine, run)).toBeLessThanOrEqual(Math.max(most, before.get(run.owner) ?? 0));
          // Nothing of these runs is ever scored, so each of them wants every slot for drafts.
          const wants =
            run.phase === 'running' && run.notBeforeMs <= machine.state.clockMs && run.evaluating.size === 0;
          const free = [...machine.state.freeSlots.schedulable].filter(({ load }) => load === 0).length;
          if (wants && run.waiting.length === 0 && free > 0) expect(most).toBeGreaterThan(0);
          if (wants && run.waiting.length === 0 && free > 0) expect(held(machine, run)).toBeGreaterThanOrEqual(most);
        }
        expect(audit(machine.state)).toEqual([]);
      }
    }),
    { numRuns: 100 },
  );
});

function held(machine: Machine, { owner }: Run): number {
  return leased(machine).filter((attempt) => machine.state.runs.get(attempt.runId)?.owner === owner).length;
}
