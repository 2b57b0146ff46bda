// The image of a task's sandboxes: by digest from task.yaml, over what the host is configured with.

import { randomBytes } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createContainerHost } from '../../shared/sandbox/container-host.ts';
import { connectDocker } from '../../shared/sandbox/docker-engine.ts';
import { openRig, type Rig } from '../testing/agent-rig.ts';
import { scriptedCall, scriptedModel } from '../testing/scripted-model.ts';
import { createDockerSandboxEngine } from './docker-sandbox.ts';
import { type DockerForTests, dockerForTests, removeAll, sampleBundle, sampleSpec } from './sandbox-fixture.ts';
import { sandboxKind, sandboxSpecSchema } from './sandbox-kind.ts';

const timeout = 300_000;
let docker: DockerForTests | undefined;
let rig: Rig;
beforeAll(async () => {
  docker = await dockerForTests();
}, 900_000);
beforeEach(async () => {
  rig = await openRig();
});
afterEach(() => rig.remove());

/** A host whose own image is not there: what runs, runs in the task's. */
function bareEngine(...images: string[]) {
  const installation = `test-${randomBytes(4).toString('hex')}`;
  const kind = sandboxKind({ image: 'doubleblind/not-there', images, installation });
  return createDockerSandboxEngine(createContainerHost(connectDocker(), kind));
}

const program = 'open("/out/submission.csv", "w").write("id,y\\n3,1\\n4,0\\n")\n';
const script = [
  scriptedCall('write_file', { path: '/work/solution/main.py', content: program }),
  scriptedCall('submit', { idea: 'i', changes: 'c' }),
];

async function outcomeOf(sandboxImage: string, ...allowed: string[]) {
  const engine = bareEngine(...allowed);
  const agent = await rig.start(scriptedModel(script), { engine });
  const order = rig.order({ leaseTtlMs: 600_000 });
  const limits = { ...order.limits, toolSeconds: 100, executionSeconds: 100, trajectorySeconds: 600 };
  agent.start({ ...order, limits, task: { ...order.task, sandboxImage } });
  try {
    return await vi.waitFor(
      () => {
        const event = rig.bus.ended('attempt-1');
        if (event === undefined) throw new Error('not ended yet');
        return event.body;
      },
      { timeout, interval: 50 },
    );
  } finally {
    await removeAll(engine);
  }
}

test('an attempt and its clean-slate run are in the image that the task names', { timeout }, async ({ skip }) => {
  if (docker === undefined) return skip('no Docker engine');
  expect(await outcomeOf(docker.image, docker.image)).not.toHaveProperty('failureReason');
});

test('where the image is not on the host, the attempt goes elsewhere, and the words say what to do', {
  timeout,
}, async ({ skip }) => {
  if (docker === undefined) return skip('no Docker engine');
  const absent = `sha256:${'0'.repeat(64)}`;
  const body = await outcomeOf(absent, absent);
  expect(body.failureReason).toBe('infrastructure');
  expect(body.failureMessage).toContain('load it on this host (docker load)');
});

test('an image that the operator did not allow is refused, and so is one by a tag', async ({ skip }) => {
  if (docker === undefined) return skip('no Docker engine');
  const spec = sampleSpec(sampleBundle(), { image: docker.image });
  await expect(bareEngine().create(spec)).rejects.toThrow('does not offer the image');
  expect(sandboxSpecSchema.safeParse(spec).success).toBe(true);
  expect(sandboxSpecSchema.safeParse({ ...spec, image: 'doubleblind/sandbox-cpu:latest' }).success).toBe(false);
});
