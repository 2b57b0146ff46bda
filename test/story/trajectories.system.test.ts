// The paper's story, with replayed models (scripts, no language model): what a trajectory is told is enough to act upon.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { AttemptOrder } from '../../gpu-agent/attempt-order.ts';
import type { ModelRequest } from '../../gpu-agent/model/model.ts';
import { openRig, type Rig } from '../../gpu-agent/testing/agent-rig.ts';
import { answer, type ScriptedTurn, scriptedModel } from '../../gpu-agent/testing/scripted-model.ts';
import { packFiles } from '../../shared/store/tree.ts';
import { hiddenRmse, lineBundle, lineProgram, submit, tryIt, write } from './line-task.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(async () => {
  await rig.remove();
});

/** Runs one attempt with the script to its end. */
async function play(turns: readonly ScriptedTurn[], fields: Partial<AttemptOrder> = {}) {
  const bundleDigest = await lineBundle(rig);
  const order = rig.order({ ...fields, task: { ...rig.order().task, bundleDigest, title: 'A line' } });
  const model = scriptedModel(turns);
  const agent = await rig.start(model);
  agent.start(order);
  const end = await vi.waitFor(
    () => {
      const event = rig.bus.ended(order.attemptId);
      if (event === undefined) throw new Error('not ended yet');
      return event.body;
    },
    { timeout: 25_000, interval: 20 },
  );
  return { end, requests: model.requests, score: hiddenRmse(rig, end.artifacts.submission) };
}

/** A turn that says what the given turn says, once it has seen what it is a reaction to. */
function seeing(expected: RegExp, turn: ScriptedTurn): ScriptedTurn {
  return (request: ModelRequest) => {
    expect(request.messages.at(-1)?.content).toMatch(expected);
    if (typeof turn === 'function' || typeof turn === 'string') throw new Error('a call is expected');
    return answer('', turn);
  };
}

test('an under-trained parent (a fast run, a falling loss, a poor score) is seen as such and scaled up', async () => {
  const file = { path: 'main.py', bytes: Buffer.from(lineProgram(4)), executable: false };
  const solutionDigest = rig.artifacts.add(await packFiles([file]));
  const logDigest = rig.artifacts.add(Buffer.from('epoch 0 loss 4.1\nepoch 2 loss 1.2\nepoch 3 loss 0.7\n'));
  const parent = {
    candidateId: 'p',
    score: '0.8 ± 0.1',
    runSeconds: 0.2,
    note: 'Idea: a line',
    operator: 'draft',
  } as const;
  const scaleUp: ScriptedTurn = (request) => {
    const brief = request.messages[1]?.content ?? '';
    // What the diagnosis needs: how long it ran of what it may, what the loss did, and the knob.
    expect(brief).toMatch(/Its clean-slate run took 0\.2/);
    const losses = [...brief.matchAll(/loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
    expect(losses).toEqual([...losses].sort((left, right) => right - left));
    const epochs = Number(/epochs = (\d+)/.exec(brief)?.[1]);
    expect(epochs).toBe(4);
    const calls = write(lineProgram(epochs * 200));
    return answer('It stopped while the loss was still falling: more epochs.', Array.isArray(calls) ? calls : []);
  };
  const { end, score } = await play([scaleUp, tryIt, seeing(/epoch 799 loss 0\.00/, submit('0.03') as never)], {
    operator: 'mutate',
    parents: [{ ...parent, solutionDigest, logDigest }],
  });
  expect(end).not.toHaveProperty('failureReason');
  const { score: before } = await play([write(lineProgram(4)), submit('?')], { attemptId: 'parent-again' as never });
  expect(before).toBeGreaterThan(0.3);
  expect(score).toBeLessThan(0.05);
}, 60_000);

test('three different errors are met and mended within one trajectory', async () => {
  const sound = lineProgram(800);
  const noColumn = sound.replace('row["y"]', 'row["target"]');
  const noLibrary = `import lightgbm_not_here\n${sound}`;
  const noDirectory = sound.replace('/out/submission.csv', '/out/result/submission.csv');
  const { end, requests, score } = await play([
    write(noColumn),
    tryIt,
    seeing(/KeyError: 'target'[\s\S]*exit 1/, write(noLibrary)),
    tryIt,
    seeing(/ModuleNotFoundError[\s\S]*exit 1/, write(noDirectory)),
    tryIt,
    seeing(/FileNotFoundError[\s\S]*exit 1/, write(sound)),
    tryIt,
    seeing(/exit 0/, submit('0.03')),
  ]);
  expect(end).not.toHaveProperty('failureReason');
  expect(requests).toHaveLength(9);
  expect(score).toBeLessThan(0.05);
}, 60_000);

test('a program that games its own validation says 0.0 and gains nothing on the hidden labels', async () => {
  const constant = `import csv
rows = list(csv.DictReader(open("/data/train.csv")))
leak = {row["x"]: float(row["y"]) for row in rows}
error = sum((leak[row["x"]] - float(row["y"])) ** 2 for row in rows)
print(f"cross-validation rmse {error:.4f}")
mean = sum(leak.values()) / len(leak)
with open("/out/submission.csv", "w") as out:
    out.write("id,y\\n")
    for row in csv.DictReader(open("/data/test.csv")):
        out.write(f'{row["id"]},{leak.get(row["x"], mean)}\\n')
`;
  const gamed = await play([write(constant), tryIt, seeing(/rmse 0\.0000/, submit('0.0000'))]);
  expect(gamed.end.note).toContain('0.0000');
  expect(gamed.end).not.toHaveProperty('failureReason');
  const honest = await play([write(lineProgram(800)), submit('0.03')], { attemptId: 'honest' as never });
  // No better than the mean of the training labels: the standard deviation of y, 3 × 2 / √12.
  expect(gamed.score).toBeGreaterThan(1.3);
  expect(honest.score).toBeLessThan(0.05);
}, 60_000);
