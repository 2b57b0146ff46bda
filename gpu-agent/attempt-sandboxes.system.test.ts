// When an attempt's sandboxes come and go, also while the engine that makes them does.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createFakeSandboxEngine } from './sandbox/fake-sandbox.ts';
import { type SandboxEngine, type SandboxIdentity, SandboxInterrupted } from './sandbox/sandbox.ts';
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

/** The fake engine with a first way to be called that fails so often. */
function interruptedEngine(times: { execute?: number; call?: number; remove?: number; check?: number }): SandboxEngine {
  const inner = createFakeSandboxEngine({ root: join(rig.directory, 'sandboxes') });
  const left = { execute: 0, call: 0, remove: 0, check: 0, ...times };
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
    async create(spec) {
      const sandbox = await inner.create(spec);
      const { identity } = sandbox;
      return {
        identity,
        quiet: () => sandbox.quiet(),
        putTree: (tar, directory) => sandbox.putTree(tar, directory),
        takeTree: (directory, most) => sandbox.takeTree(directory, most),
        takeFile: (path, most) => sandbox.takeFile(path, most),
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

test('who waits for the slot gets it when nothing of an interrupted call computes any more', async () => {
  const order: string[] = [];
  const inner = interruptedEngine({ call: 0 });
  const first = Promise.withResolvers<never>();
  const quieted = Promise.withResolvers<void>();
  const engine: SandboxEngine = {
    ...inner,
    async create(spec) {
      const sandbox = await inner.create(spec);
      const isFirst = spec.attemptId === 'attempt-1' && spec.purpose === 'explore';
      return {
        ...sandbox,
        identity: sandbox.identity,
        call: async (...given) => {
          order.push(spec.attemptId);
          return isFirst && order.length === 1 ? await first.promise : await sandbox.call(...given);
        },
        quiet: async () => {
          await quieted.promise;
          order.push('quiet');
        },
      };
    },
  };
  const bash = scriptedCall('bash', { command: 'true' });
  const agent = await rig.start(scriptedModel([bash, write(program), submit]), { engine });
  agent.start(rig.order());
  await vi.waitFor(() => expect(order).toEqual(['attempt-1']), 20_000);
  agent.start(rig.order({ attemptId: 'attempt-2' as never }));
  await vi.waitFor(async () => expect((await transcriptOf(agent, 'attempt-2')).at(-1)?.['kind']).toBe('modelAnswered'));
  first.reject(new SandboxInterrupted('the proxy was started again'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(order).toEqual(['attempt-1']);
  quieted.resolve();
  await Promise.all([endOf(rig), endOf(rig, 'attempt-2')]);
  expect(order.slice(0, 3)).toEqual(['attempt-1', 'quiet', 'attempt-2']);
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
