// When an attempt's sandboxes come and go, also while the engine that makes them does.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFakeSandboxEngine } from './sandbox/fake-sandbox.ts';
import {
  type Sandbox,
  SandboxEnded,
  type SandboxEngine,
  SandboxError,
  type SandboxIdentity,
  SandboxInterrupted,
  type SandboxSpec,
} from './sandbox/sandbox.ts';
import { openRig, type Rig } from './testing/agent-rig.ts';
import { answer, scriptedCall, scriptedModel } from './testing/scripted-model.ts';
import { endOf, program, submit, transcriptOf, write } from './testing/scripted-work.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(async () => {
  await rig.remove();
});

const byAttempt = (left: SandboxIdentity, right: SandboxIdentity): number =>
  left.attemptId < right.attemptId ? -1 : 1;

test('the sandbox of a clean-slate run is there before the slot is', async () => {
  const root = join(rig.directory, 'sandboxes');
  const holder = scriptedCall('bash', { command: 'until [ -e /work/gate ]; do sleep 0.02; done' });
  const model = scriptedModel([
    (request) => answer('', request.requestId.startsWith('attempt-2') ? holder : (write(program) as never)),
    submit,
  ]);
  const agent = await rig.start(model);
  agent.start(rig.order({ attemptId: 'attempt-2' as never }));
  await vi.waitFor(() => expect(model.requests).toHaveLength(1), 20_000);
  agent.start(rig.order());
  const found = async () => (await createFakeSandboxEngine({ root }).list()).sort(byAttempt);
  await vi.waitFor(async () => {
    expect(await found()).toMatchObject([{ purpose: 'cleanSlate' }, { purpose: 'explore' }]);
  }, 20_000);
  expect((await transcriptOf(agent)).at(-1)?.['kind']).toBe('solutionTaken');
  const directory = (await found())[1]?.containerId.slice(0, 12) ?? '';
  writeFileSync(join(root, directory, 'work', 'gate'), '');
  expect(await endOf(rig)).not.toHaveProperty('failureReason');
});

type Interrupted = 'execute' | 'call' | 'remove' | 'check' | 'adopt';

/** The fake engine with a first way to be called that fails so often. */
function interruptedEngine(times: Partial<Record<Interrupted, number>>): SandboxEngine {
  const inner = createFakeSandboxEngine({ root: join(rig.directory, 'sandboxes') });
  const left = { execute: 0, call: 0, remove: 0, check: 0, adopt: 0, ...times };
  const strike = (what: keyof typeof left): void => {
    left[what] -= 1;
    if (left[what] >= 0) throw new SandboxInterrupted('the engine was started again');
  };
  return {
    ...inner,
    check: async () => {
      strike('check');
      return await inner.check();
    },
    remove: async (id) => {
      strike('remove');
      await inner.remove(id);
    },
    adopt: async (id) => {
      strike('adopt');
      return await inner.adopt(id);
    },
    async create(spec) {
      const sandbox = await inner.create(spec);
      return {
        ...plain(sandbox),
        call: async (...given) => {
          strike('call');
          return await sandbox.call(...given);
        },
        execute: async (...given) => {
          strike('execute');
          return await sandbox.execute(...given);
        },
        remove: async () => {
          strike('remove');
          await sandbox.remove();
        },
      };
    },
  };
}

/** The same sandbox as an object whose parts can be replaced. */
function plain(sandbox: Sandbox): Sandbox {
  return {
    identity: sandbox.identity,
    quiet: () => sandbox.quiet(),
    putTree: (...given) => sandbox.putTree(...given),
    takeTree: (...given) => sandbox.takeTree(...given),
    takeFile: (...given) => sandbox.takeFile(...given),
    call: (...given) => sandbox.call(...given),
    execute: (...given) => sandbox.execute(...given),
    remove: () => sandbox.remove(),
  };
}

/** The fake engine, with parts of some sandboxes replaced. */
function changedEngine(change: (spec: SandboxSpec, sandbox: Sandbox) => Partial<Sandbox>): SandboxEngine {
  const inner = createFakeSandboxEngine({ root: join(rig.directory, 'sandboxes') });
  return {
    ...inner,
    async create(spec) {
      const sandbox = await inner.create(spec);
      return { ...plain(sandbox), ...change(spec, sandbox) };
    },
  };
}

const bash = scriptedCall('bash', { command: 'true' });

test('an engine that is started again under a tool call and a clean-slate run costs an attempt nothing but time', async () => {
  const agent = await rig.start(scriptedModel([write(program), submit]), {
    engine: interruptedEngine({ call: 1, execute: 1, check: 3 }),
  });
  agent.start(rig.order());
  expect(await endOf(rig)).not.toHaveProperty('failureReason');
  const kinds = (await transcriptOf(agent)).map((entry) => entry['kind']);
  expect(kinds.filter((kind) => kind === 'resumed')).toHaveLength(2);
  expect(kinds.filter((kind) => kind === 'modelAnswered')).toHaveLength(2);
  await vi.waitFor(async () => expect(await rig.sandboxes()).toBe(0), 20_000);
});

/** A sandbox of an attempt that no book knows, on the slot of the others. */
function orphanSpec(): SandboxSpec {
  const { runId, slotId, limits } = rig.order();
  const { memoryBytes, cpus, diskBytes, pids } = limits;
  const attempt = { runId, attemptId: 'attempt-9' as never, epoch: 1, slotId, purpose: 'explore' } as const;
  return { ...attempt, bundleDirectory: rig.directory, memoryBytes, cpus, diskBytes, pids, environment: {} };
}

/** Two attempts on one slot, of which the first one's call hangs until `first` is rejected; what they do is noted in its order. */
async function twoOnOneSlot(about: (sandbox: Sandbox, order: string[]) => Partial<Sandbox>) {
  const order: string[] = [];
  const first = Promise.withResolvers<never>();
  first.promise.catch(() => undefined);
  const engine = changedEngine((spec, sandbox) => ({
    ...(spec.attemptId === 'attempt-1' && spec.purpose === 'explore' ? about(sandbox, order) : {}),
    call: async (...given) => {
      order.push(spec.attemptId);
      return order.length === 1 ? await first.promise : await sandbox.call(...given);
    },
  }));
  const model = scriptedModel([bash, write(program), submit]);
  const agent = await rig.start(model, { engine });
  agent.start(rig.order());
  await vi.waitFor(() => expect(order).toEqual(['attempt-1']), 20_000);
  agent.start(rig.order({ attemptId: 'attempt-2' as never }));
  await vi.waitFor(async () => expect((await transcriptOf(agent, 'attempt-2')).at(-1)?.['kind']).toBe('modelAnswered'));
  return { agent, model, order, first };
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

test('who waits for the slot gets it when nothing of an interrupted call computes any more', async () => {
  const quieted = Promise.withResolvers<void>();
  const { order, first } = await twoOnOneSlot((_, noted) => ({
    quiet: async () => {
      await quieted.promise;
      noted.push('quiet');
    },
  }));
  first.reject(new SandboxInterrupted('the proxy was started again'));
  await pause();
  expect(order).toEqual(['attempt-1']);
  quieted.resolve();
  await Promise.all([endOf(rig), endOf(rig, 'attempt-2')]);
  expect(order.slice(0, 3)).toEqual(['attempt-1', 'quiet', 'attempt-2']);
});

test('who waits for the slot of an attempt that is stopped gets it when its sandbox has gone, however long the engine is away', async () => {
  const docker: { isAway: boolean } = { isAway: true };
  const { agent, order, first } = await twoOnOneSlot((sandbox, noted) => ({
    remove: async () => {
      if (docker.isAway) throw new SandboxInterrupted('no Docker engine answers');
      await sandbox.remove();
      noted.push('removed');
    },
  }));
  agent.cancel({ attemptId: 'attempt-1', epoch: 1 }, 'not wanted');
  first.reject(new SandboxInterrupted('no Docker engine answers'));
  expect((await endOf(rig)).failureReason).toBe('cancelled');
  await pause();
  expect(order).toEqual(['attempt-1']);
  docker.isAway = false;
  expect(await endOf(rig, 'attempt-2')).not.toHaveProperty('failureReason');
  const after = order.filter((what, index) => what !== order[index - 1]);
  expect(after.slice(0, 3)).toEqual(['attempt-1', 'removed', 'attempt-2']);
});

test('a sandbox that does not tell whether it computes is removed, and the attempt goes on in another one and hears of it', async () => {
  const { model, order, first } = await twoOnOneSlot((sandbox, noted) => ({
    quiet: () => Promise.reject(new SandboxError('the toolbox in the sandbox does not answer')),
    remove: async () => {
      await sandbox.remove();
      noted.push('removed');
    },
  }));
  first.reject(new SandboxInterrupted('the proxy was started again'));
  const ends = await Promise.all([endOf(rig), endOf(rig, 'attempt-2')]);
  for (const end of ends) expect(end).not.toHaveProperty('failureReason');
  expect(order.slice(0, 3)).toEqual(['attempt-1', 'removed', 'attempt-2']);
  const told = model.requests.filter(({ requestId }) => requestId.startsWith('attempt-1:'))[1]?.messages.at(-1);
  expect(told?.content).toContain('a new one was made');
});

test('guidance that comes while the slot is waited for does not charge the wait', async () => {
  const { agent, first } = await twoOnOneSlot(() => ({}));
  await pause();
  agent.renew([{ attemptId: 'attempt-2', epoch: 1 }], 60_000, [{ runId: 'run-1', added: ['be quick'] }]);
  const [before, guided] = (await transcriptOf(agent, 'attempt-2')).slice(-2);
  expect(guided).toMatchObject({ kind: 'guided', elapsedSeconds: before?.['elapsedSeconds'] });
  first.reject(new Error('enough'));
  await endOf(rig, 'attempt-2');
});

test('an engine that is started again just after its agent costs attempts nothing', async () => {
  const waiting = Promise.withResolvers<never>();
  waiting.promise.catch(() => undefined);
  const first = await rig.start(scriptedModel([write(program), () => waiting.promise]));
  first.start(rig.order());
  await vi.waitFor(async () => expect((await transcriptOf(first)).at(-1)?.['kind']).toBe('toolEnded'), 20_000);
  const stopped = first.stop();
  waiting.reject(new Error('the daemon is gone'));
  await stopped;
  const second = await rig.start(scriptedModel([[], submit]), { engine: interruptedEngine({ adopt: 2, check: 1 }) });
  second.renew([{ attemptId: 'attempt-1', epoch: 1 }], 60_000);
  expect(await endOf(rig)).not.toHaveProperty('failureReason');
});

test('an agent serves beside a sandbox that it cannot remove and one that does not answer; their slot waits for them', async () => {
  const waiting = Promise.withResolvers<never>();
  waiting.promise.catch(() => undefined);
  const first = await rig.start(scriptedModel([bash, () => waiting.promise]));
  first.start(rig.order());
  await vi.waitFor(async () => expect((await transcriptOf(first)).at(-1)?.['kind']).toBe('toolEnded'), 20_000);
  const stopped = first.stop();
  waiting.reject(new Error('the daemon is gone'));
  await stopped;
  const inner = createFakeSandboxEngine({ root: join(rig.directory, 'sandboxes') });
  const stray = await inner.create(orphanSpec());
  const killed = Promise.withResolvers<void>();
  let removals = 0;
  const answers = Promise.withResolvers<void>();
  const silences: string[] = [];
  const second = await rig.start(scriptedModel([bash, bash, bash, submit]), {
    engine: {
      ...inner,
      remove: async (id) => {
        if (id === stray.identity.containerId) {
          removals += 1;
          if (removals === 1) throw new SandboxError('it could not be killed');
          await killed.promise;
        }
        await inner.remove(id);
      },
      silence: async (id) => {
        silences.push(id);
        if (silences.length === 1) throw new SandboxError('the toolbox did not answer in time');
        await answers.promise;
      },
    },
  });
  await vi.waitFor(() => expect(silences).toHaveLength(2), 20_000);
  expect(second.renew([{ attemptId: 'attempt-1', epoch: 1 }], 60_000)).toEqual([]);
  await pause();
  expect((await transcriptOf(second)).at(-1)?.['kind']).toBe('resumed');
  answers.resolve();
  await pause();
  expect((await transcriptOf(second)).at(-1)?.['kind']).toBe('resumed');
  killed.resolve();
  await vi.waitFor(async () => expect((await transcriptOf(second)).length).toBeGreaterThan(5), 20_000);
});

test('a program whose files in memory end its sandbox has run out of memory; one that is killed once runs anew', async () => {
  let takes = 0;
  const ended = (outOfMemory: boolean) => new SandboxEnded('the sandbox has ended', { outOfMemory, cause: undefined });
  const engine = changedEngine((spec, sandbox) => ({
    takeFile: async (...given) => {
      if (spec.purpose !== 'cleanSlate') return await sandbox.takeFile(...given);
      takes += 1;
      throw ended(takes > 1);
    },
  }));
  const agent = await rig.start(scriptedModel([write(program), submit]), { engine });
  agent.start(rig.order());
  expect(await endOf(rig)).toMatchObject({ failureReason: 'outOfMemory' });
  expect(takes).toBe(2);
  expect((await transcriptOf(agent)).filter((entry) => entry['kind'] === 'resumed')).toHaveLength(1);
});

test('an attempt whose sandbox is interrupted again and again is a failure of the host', async () => {
  const agent = await rig.start(scriptedModel([write(program), submit]), {
    engine: interruptedEngine({ execute: 99 }),
  });
  agent.start(rig.order());
  expect(await endOf(rig)).toMatchObject({ failureReason: 'infrastructure' });
  expect((await transcriptOf(agent)).filter((entry) => entry['kind'] === 'resumed')).toHaveLength(5);
});

test('a sandbox that cannot be removed holds nothing up and is removed when the engine is back', async () => {
  const agent = await rig.start(scriptedModel([scriptedCall('bash', { command: 'true' })]), {
    engine: interruptedEngine({ remove: 4 }),
  });
  agent.start(rig.order({ limits: { ...rig.order().limits, turns: 1 } }));
  expect((await endOf(rig)).failureReason).toBe('gaveUp');
  await vi.waitFor(async () => expect(await rig.sandboxes()).toBe(0), 20_000);
});
