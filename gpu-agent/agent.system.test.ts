import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Agent } from './agent.ts';
import { type DockerForTests, dockerForTests, removeAll } from './sandbox/sandbox-fixture.ts';
import { openRig, type Rig } from './testing/agent-rig.ts';
import { scriptedCall, scriptedModel } from './testing/scripted-model.ts';

let docker: DockerForTests | undefined;
let rig: Rig;
beforeAll(async () => {
  docker = await dockerForTests();
}, 600_000);
beforeEach(async () => {
  rig = await openRig();
});
afterEach(async () => {
  await rig.remove();
  if (docker !== undefined) await removeAll(docker.engine);
});

const program = 'open("/out/submission.csv", "w").write("id,y\\n3,1\\n4,0\\n")\n';

async function kinds(agent: Agent): Promise<string[]> {
  const found: string[] = [];
  for await (const { json } of agent.transcript('attempt-1', 0, false, new AbortController().signal) ?? []) {
    found.push((JSON.parse(json) as { kind: string }).kind);
  }
  return found;
}

test('after a restart of the daemon a trajectory goes on in the same container, with its shell as it was', async ({
  skip,
}) => {
  if (docker === undefined) return skip('no Docker engine');
  const gone = Promise.withResolvers<never>();
  gone.promise.catch(() => undefined);
  const write = scriptedCall('write_file', { path: '/work/solution/main.py', content: program });
  const remember = scriptedCall('bash', { command: 'answer=41; cd /data' });
  const first = await rig.start(scriptedModel([write, remember, () => gone.promise]), { engine: docker.engine });
  first.start(rig.order());
  const containers = async (): Promise<number> => (await docker?.engine.list())?.length ?? 0;
  await vi.waitFor(
    async () => {
      expect(first.describe().slots[0]?.attempts).toHaveLength(1);
      expect(await kinds(first)).toEqual([
        'planned',
        'begun',
        'modelAnswered',
        'toolEnded',
        'modelAnswered',
        'toolEnded',
      ]);
    },
    { timeout: 20_000, interval: 50 },
  );
  const stopping = first.stop();
  gone.reject(new Error('the daemon is gone'));
  await stopping;
  expect(await containers()).toBe(1);

  const ask = scriptedCall('bash', { command: 'echo "$((answer + 1)) in $PWD"' });
  const submit = scriptedCall('submit', { idea: 'i', changes: 'c' });
  const model = scriptedModel([[], [], ask, submit]);
  const second = await rig.start(model, { engine: docker.again() });
  second.renew([{ attemptId: 'attempt-1', epoch: 1 }], 60_000);
  const body = await vi.waitFor(
    () => {
      const event = rig.bus.ended('attempt-1');
      if (event === undefined) throw new Error('not ended yet');
      return event.body;
    },
    { timeout: 20_000, interval: 50 },
  );
  expect(body).not.toHaveProperty('failureReason');
  expect(model.requests.at(-1)?.messages.at(-1)?.content).toMatch(/^42 in \/data\n/);
  expect(await containers()).toBe(0);
});

test('a fenced lease leaves no container', async ({ skip }) => {
  if (docker === undefined) return skip('no Docker engine');
  const busy = scriptedCall('python', { code: 'while True: pass' });
  const agent = await rig.start(scriptedModel([busy]), { engine: docker.engine });
  agent.start(rig.order({ leaseTtlMs: 4000 }));
  const body = await vi.waitFor(
    () => {
      const event = rig.bus.ended('attempt-1');
      if (event === undefined) throw new Error('not ended yet');
      return event.body;
    },
    { timeout: 20_000, interval: 50 },
  );
  expect(body.failureReason).toBe('leaseLost');
  expect(await docker.engine.list()).toEqual([]);
});
