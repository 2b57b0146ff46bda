// Every request that changes something can be asked for its outcome alone. The list of such requests is read from the protocol, so
// that a new one fails here until it can.

import { expect, test } from 'vitest';
import { systemClock } from '../../shared/clock.ts';
import { hostName, runId } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import { access } from '../../shared/rpc/access.ts';
import { descriptorSet } from '../../shared/rpc/definitions.ts';
import type { CallContext } from '../../shared/rpc/handlers.ts';
import type { StampedEvent } from '../core/event.ts';
import { attemptOf, createRun, end, joinHost, limits, newMachine, scored, task } from '../core/machine.test-support.ts';
import { stateHash } from '../journal/journal.ts';
import { openSearchActor } from '../runs/search-actor.ts';
import type { Evaluator } from './evaluator.ts';
import { type FleetHandlers, fleetHandlers } from './fleet-service.ts';
import { type SearchHandlers, type SearchServiceOptions, searchHandlers } from './search-service.ts';

const [running, paused, over] = ['digits-aaaaaa', 'digits-bbbbbb', 'digits-cccccc'];

/** A coordinator's state with something for every request, and what was written since. */
function open() {
  const machine = newMachine();
  joinHost(machine, 'alpha', 2);
  createRun(machine, { candidates: 9 }, running);
  const [first, second] = [attemptOf(machine, 1), attemptOf(machine, 2)];
  end(machine, first);
  scored(machine, first, 0.5);
  end(machine, second);
  scored(machine, second, 0, true);
  createRun(machine, {}, paused);
  machine.take({ kind: 'runPaused', runId: runId(paused) });
  createRun(machine, {}, over);
  machine.take({ kind: 'runKilled', runId: runId(over), seal: false });
  joinHost(machine, 'beta', 1);
  machine.take({ kind: 'hostCordoned', host: hostName('beta'), reason: 'fan', by: 'me' });
  const written: StampedEvent[] = [];
  const actor = openSearchActor({
    journal: { fold: () => machine.state, append: (events) => void written.push(...events) },
    clock: systemClock,
    log: silentLogger,
    launch: () => undefined,
  });
  const asked: string[] = [];
  // Whatever is not here would write: asking for it fails the test.
  const evaluator: Partial<Evaluator> = {
    describeTask: (name) => {
      asked.push(name);
      return Promise.resolve(task);
    },
  };
  const models = { modelNames: () => Promise.resolve({ names: ['served'], isWhole: true }) };
  const parts = {
    actor,
    evaluator,
    models,
    defaultLimits: limits,
    fleet: { heartbeatAgeMs: () => 0, rival: () => undefined },
    clock: systemClock,
  };
  const options = parts as unknown as SearchServiceOptions & Parameters<typeof fleetHandlers>[0];
  const handlers = { ...searchHandlers(options), ...fleetHandlers(options) };
  return { actor, handlers, written, asked };
}

const options = { candidates: 7, parallelAttempts: 3 };
const cases: Readonly<Record<string, readonly [request: Record<string, unknown>, answer: unknown]>> = {
  CreateRun: [
    { requestId: 'new', task: 'digits', options: whole(options) },
    { run: { runId: '', task: 'digits', options: { ...options, finalists: 10, limits }, taskInfo: { version: 'v1' } } },
  ],
  ForkRun: [
    { requestId: 'new', runId: running, top: 0, options: null },
    { run: { runId: '', forkedFrom: running, inheritedCandidates: 1, candidatesScored: 1 } },
  ],
  PauseRun: [{ runId: running }, { run: { runId: running, state: 'RUN_STATE_PAUSED' } }],
  ResumeRun: [{ runId: paused }, { run: { runId: paused, state: 'RUN_STATE_RUNNING' } }],
  SteerRun: [{ runId: running, guidance: 'trees' }, { run: { options: { guidance: 'trees' } } }],
  ExtendRun: [{ runId: running, candidates: 20 }, { run: { options: { candidates: 20 } } }],
  CancelRun: [{ runId: running }, { run: { state: 'RUN_STATE_SEALING', endReason: 'cancelled' } }],
  KillRun: [{ runId: running, seal: false }, { run: { state: 'RUN_STATE_KILLED', attemptsRunning: 0 } }],
  DeleteRun: [{ runId: over }, {}],
  ReleaseCandidate: [
    { candidateId: `${running}-0002`, reason: 'looked at it' },
    { candidate: { state: 'CANDIDATE_STATE_SCORED', failureMessage: expect.stringMatching(/by me: looked at it/) } },
  ],
  CordonHost: [
    { host: 'alpha', reason: 'dust' },
    { host: { host: 'alpha', state: 'HOST_STATE_CORDONED', reason: 'dust', by: 'me' } },
  ],
  DrainHost: [
    { host: 'alpha', reason: 'dust', deadlineSeconds: 60 },
    { host: { state: 'HOST_STATE_DRAINING', drainSecondsLeft: 60, slots: [{ attempts: [{}] }, { attempts: [{}] }] } },
  ],
  UncordonHost: [{ host: 'beta' }, { host: { host: 'beta', state: 'HOST_STATE_READY', reason: '' } }],
};

/** As a request has them on the wire. */
function whole(given: Record<string, number>) {
  const names = [
    'candidates',
    'wallSeconds',
    'dollars',
    'tokens',
    'slotHours',
    'parallelAttempts',
    'seed',
    'temperature',
  ];
  const zero = Object.fromEntries(names.map((name) => [name, 0]));
  return { ...zero, model: '', limits: null, guidance: '', finalists: 0, operators: [], ...given };
}

const context = {
  identity: { role: 'operator', name: 'me' },
  signal: new AbortController().signal,
} as unknown as CallContext;

async function ask(handlers: SearchHandlers & FleetHandlers, method: string, request: unknown): Promise<unknown> {
  const name = `${method.charAt(0).toLowerCase()}${method.slice(1)}` as 'pauseRun';
  return await handlers[name](request as Parameters<SearchHandlers['pauseRun']>[0], context);
}

test('every request of an operator that changes something has validate_only, and is tried here', () => {
  const file = descriptorSet().files.find(({ name }) => name === 'doubleblind/coordinator/v1/coordinator.proto');
  const changing = (file?.service ?? []).flatMap((service) =>
    (service.method ?? []).filter(
      ({ name }) =>
        access[`doubleblind.coordinator.v1.${service.name}/${name}`]?.includes('operator') === true &&
        !/^(Get|List|Watch)/.test(name),
    ),
  );
  expect(new Set(changing.map(({ name }) => name))).toEqual(new Set(Object.keys(cases)));
  for (const { inputType } of changing) {
    const message = file?.messageType?.find(({ name }) => inputType.endsWith(`.${name}`));
    expect([inputType, message?.field?.map(({ name }) => name)]).toEqual([
      inputType,
      expect.arrayContaining(['validateOnly']),
    ]);
  }
});

for (const [method, [request, answer]] of Object.entries(cases)) {
  test(`${method} with validate_only answers with what would be and leaves everything as it was`, async () => {
    const { actor, handlers, written } = open();
    const before = stateHash(actor.state);
    expect(await ask(handlers, method, { ...request, validateOnly: true })).toMatchObject(answer as object);
    expect(stateHash(actor.state)).toBe(before);
    // Whatever was posted is journaled by then.
    actor.start();
    actor.stop();
    expect(written.filter(({ kind }) => !kind.startsWith('attempt'))).toEqual([]);
  });
}

test('what the real request refuses is refused, in the same words', async () => {
  const { handlers, actor } = open();
  const wrong: readonly (readonly [string, Record<string, unknown>])[] = [
    ['PauseRun', { runId: 'digits' }],
    ['PauseRun', { runId: over }],
    ['ExtendRun', { runId: running, candidates: 1 }],
    ['SteerRun', { runId: running, guidance: ' ' }],
    ['DeleteRun', { runId: running }],
    ['ForkRun', { requestId: 'new', runId: paused, top: 0, options: null }],
    ['CreateRun', { requestId: '', task: 'digits', options: null }],
    ['ReleaseCandidate', { candidateId: `${running}-0001`, reason: 'x' }],
    ['DrainHost', { host: 'alpha', reason: '', deadlineSeconds: -1 }],
    ['UncordonHost', { host: 'nobody' }],
  ];
  const refusal = async (method: string, asked: unknown): Promise<string> =>
    await ask(handlers, method, asked).then(
      () => 'no refusal',
      (error: unknown) => String(error),
    );
  actor.start();
  for (const [method, asked] of wrong) {
    const real = await refusal(method, { ...asked, validateOnly: false });
    expect([method, await refusal(method, { ...asked, validateOnly: true })]).toEqual([method, real]);
    expect(real).not.toBe('no refusal');
  }
  actor.stop();
});

test('the evaluator is asked for the task, and a request that was carried out is answered with its run', async () => {
  const { handlers, asked } = open();
  await ask(handlers, 'CreateRun', { requestId: 'new', task: 'digits', options: null, validateOnly: true });
  await ask(handlers, 'ForkRun', { requestId: 'new', runId: running, top: 1, options: null, validateOnly: true });
  expect(asked).toEqual(['digits', 'digits@v1']);
  const known = { requestId: running, task: 'digits', options: null, validateOnly: true };
  expect(await ask(handlers, 'CreateRun', known)).toMatchObject({ run: { runId: running } });
});

test('a run and a fork with limits that no host allows are refused, asked in earnest or not', async () => {
  const { handlers, actor } = open();
  actor.start();
  for (const { name, description } of [...actor.state.hosts.values()]) {
    const told = { ...description, largestSandbox: { cpus: 2, memoryBytes: 2 ** 40 } };
    await actor.post({ kind: 'hostChanged', host: name, description: told });
  }
  const asking = (cpus: number) => ({ ...whole({}), limits: { ...limits, cpus } });
  for (const validateOnly of [true, false]) {
    const about = { requestId: 'new', validateOnly, options: asking(100) };
    const fault = { code: 'invalidArgument', violations: [{ field: 'options.limits.cpus' }] };
    await expect(ask(handlers, 'CreateRun', { ...about, task: 'digits' })).rejects.toMatchObject(fault);
    await expect(ask(handlers, 'ForkRun', { ...about, runId: running, top: 1 })).rejects.toMatchObject(fault);
  }
  const fits = { requestId: 'new', task: 'digits', options: asking(2), validateOnly: true };
  expect(await ask(handlers, 'CreateRun', fits)).toMatchObject({ run: { options: { limits: { cpus: 2 } } } });
  actor.stop();
});
