// What the fleet journals of a host's reports: dollars and tokens are the gateway's word, the host's only where that is silent.

import { expect, test } from 'vitest';
import type { ResultEvent } from '../../shared/bus/messages.ts';
import { type Clock, systemClock } from '../../shared/clock.ts';
import { hostName } from '../../shared/core/ids.ts';
import { noUsage, type Usage } from '../../shared/core/vocabulary.ts';
import { silentLogger } from '../../shared/log.ts';
import { RpcFault } from '../../shared/rpc/fault.ts';
import { attemptOf, createRun, joinHost, type Machine, newMachine } from '../core/machine.test-support.ts';
import type { Attempt } from '../core/state.ts';
import type { Gateway } from '../rpc/gateway.ts';
import type { SearchActor } from '../runs/search-actor.ts';
import { startFleet } from './fleet.ts';
import type { AgentClient } from './host-actor.ts';

type Spend = Awaited<ReturnType<Gateway['closeAttempt']>>;

/** A fleet over a machine with one host, and a gateway that answers so; `asked` has the attempts it was asked for. */
function fleetWith(machine: Machine, answer: (attemptId: string) => Promise<Spend>, clock: Clock = systemClock) {
  const asked: string[] = [];
  const silent = {
    describeHost: () => new Promise(() => undefined),
    close: () => undefined,
    confirmEvents: () => ({}),
  };
  const take = (event: Parameters<Machine['take']>[0]) => {
    machine.take(event);
    return Promise.resolve(true);
  };
  const fleet = startFleet({
    actor: { state: machine.state, post: take, report: take } as unknown as SearchActor,
    connect: () => ({ ...silent, renewLeases: () => new Promise(() => undefined) }) as unknown as AgentClient,
    gateway: {
      closeAttempt: ({ attemptId, epoch }) => {
        asked.push(`${attemptId}:${epoch}`);
        return answer(attemptId);
      },
    },
    ...{ leaseTtlMs: 3_600_000, clock, log: silentLogger },
  });
  return { fleet, asked };
}

function ended(
  attempt: Attempt,
  usage: Usage,
  { host = 'alpha', failureReason = undefined as 'infrastructure' | undefined } = {},
) {
  const event: ResultEvent = {
    ...{ v: 1, host, bootId: 'boot', seq: 1, kind: 'attemptEnded' },
    ...{ runId: attempt.runId, attemptId: attempt.id, epoch: attempt.epoch },
    body: {
      ...{ usage, runSeconds: 1, note: '', failureReason },
      artifacts: failureReason === undefined ? { submission: 'f'.repeat(64) } : {},
    },
  };
  return event;
}

const lie: Usage = { ...noUsage, wallSeconds: 7, turns: 3, dollars: 9999, inputTokens: 1, outputTokens: 1_000_000 };

function machineWith(options: Parameters<typeof createRun>[1]): Machine {
  const machine = newMachine();
  joinHost(machine, 'alpha', 2);
  createRun(machine, options);
  return machine;
}

test('a host that lies about dollars and tokens neither ends a budget nor hides spend: the gateway knows', async () => {
  const machine = machineWith({ dollars: 10, tokens: 10_000, candidates: 20 });
  const { fleet } = fleetWith(machine, () => Promise.resolve({ dollars: 2, inputTokens: 300, outputTokens: 40 }));
  await fleet.take(ended(attemptOf(machine, 1), lie));
  const [run] = machine.state.runs.values();
  expect(run?.usage).toMatchObject({ dollars: 2, inputTokens: 300, outputTokens: 40, wallSeconds: 7, turns: 3 });
  expect(run?.spentBudget).toBeUndefined();
  // To have asked has closed it.
  expect(machine.commands.map(({ kind }) => kind)).not.toContain('closeAccount');
  await fleet.take(ended(attemptOf(machine, 2), noUsage));
  expect(run?.usage.dollars).toBe(4);
  fleet.stop();
});

test('the second execution of an attempt adds what the first did not spend, and a report that comes again adds nothing', async () => {
  const machine = machineWith({ candidates: 20 });
  const totals = [2, 5, 5];
  const { fleet, asked } = fleetWith(machine, () =>
    Promise.resolve({ dollars: totals.shift() ?? 0, inputTokens: 10, outputTokens: 10 }),
  );
  const attempt = attemptOf(machine, 1);
  await fleet.take(ended(attempt, noUsage, { failureReason: 'infrastructure' }));
  expect(attempt.usage).toMatchObject({ dollars: 2, outputTokens: 10 });
  const second = ended(attempt, lie);
  await Promise.all([fleet.take(second), fleet.take(second)]);
  await fleet.take(second);
  expect(attempt.usage).toMatchObject({ dollars: 5, inputTokens: 10, outputTokens: 10 });
  expect(asked.length).toBeLessThanOrEqual(3);
  fleet.stop();
});

test('without an answer of the gateway the host is believed', async () => {
  const answers: (() => Promise<Spend>)[] = [
    () => Promise.reject(new RpcFault('unavailable', 'the gateway is away')),
    () => Promise.resolve(undefined),
  ];
  for (const answer of answers) {
    const machine = machineWith({ candidates: 20 });
    const { fleet } = fleetWith(machine, answer);
    await fleet.take(ended(attemptOf(machine, 1), { ...noUsage, dollars: 3, outputTokens: 50 }));
    expect(attemptOf(machine, 1).usage).toMatchObject({ dollars: 3, outputTokens: 50 });
    expect(machine.commands.map(({ kind }) => kind)).toContain('closeAccount');
    fleet.stop();
  }
});

test("no host closes the account of another's attempt", async () => {
  const machine = machineWith({ candidates: 20 });
  const { fleet, asked } = fleetWith(machine, () => Promise.resolve(undefined));
  await fleet.take(ended(attemptOf(machine, 1), lie, { host: 'mallory' }));
  expect(asked).toEqual([]);
  expect(attemptOf(machine, 1).phase).not.toBe('evaluating');
  fleet.stop();
});

test('a lost host that says nothing is no longer looked after when another one comes; one that comes back is met anew', () => {
  const machine = machineWith({ candidates: 20 });
  let nowMs = 0;
  const clock = { ...systemClock, monotonicMs: () => nowMs, after: () => ({ cancel: () => undefined }) };
  const { fleet } = fleetWith(machine, () => Promise.resolve(undefined), clock);
  const beat = (host: string): void =>
    fleet.hear({
      ...{ v: 1, host, bootId: 'boot', seq: 1, address: '127.0.0.1:1', version: '1', draining: false },
      ...{ slots: [], outboxEvents: 0 },
    });
  const [alpha, beta] = [hostName('alpha'), hostName('beta')];
  machine.take({ kind: 'hostLost', host: alpha, reason: 'no answer' });
  beat('beta');
  expect(fleet.heartbeatAgeMs(alpha)).toBe(0);
  nowMs = 10 * 3_600_000;
  beat('beta');
  beat('gamma');
  expect([alpha, beta].map((name) => fleet.heartbeatAgeMs(name))).toEqual([undefined, 0]);
  beat('alpha');
  expect(fleet.heartbeatAgeMs(alpha)).toBe(0);
  fleet.stop();
});
