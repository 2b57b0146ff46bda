// A task with its own grader through the evaluator's service, with real containers.

import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ensureSandboxImage } from '../../deploy/docker/sandbox-image.ts';
import { connectDocker } from '../../shared/sandbox/docker-engine.ts';
import { type EvaluatorRig, startEvaluatorRig } from '../testing/evaluator-rig.ts';
import { gradedFolder, gradedTruth } from '../testing/graded-folder.ts';

async function submissionOf(rig: EvaluatorRig, low: (a: number) => string): Promise<string> {
  const lines = ((await rig.bundle('graded')).get('test.csv') ?? '').trimEnd().split('\n').slice(1);
  return `id,low,high\n${lines
    .map((line) => {
      const [id, a] = line.split(',');
      return `${id},${low(Number(a))},${low(Number(a))}\n`;
    })
    .join('')}`;
}

test('a grader scores search rows, chooses by validation rows, tells nothing else and leaves nothing behind', async (context) => {
  try {
    await connectDocker().version();
  } catch (error) {
    process.stderr.write(`the graded task is SKIPPED: ${error instanceof Error ? error.message : error}\n`);
    return context.skip();
  }
  const { imageId: image } = await ensureSandboxImage({ log: (line) => process.stderr.write(`${line}\n`) });
  const rig = await startEvaluatorRig([gradedFolder], { image });
  mkdirSync(join(rig.stateDirectory, 'grading'), { recursive: true });
  const near = await submissionOf(rig, (a) => String(gradedTruth(a) + (a % 2)));
  const far = await submissionOf(rig, () => '20');
  const words = await submissionOf(rig, () => 'many');
  const [first, second, refused] = await Promise.all([
    rig.evaluate('graded', 'run-1', 'c-1', near),
    rig.evaluate('graded', 'run-1', 'c-2', far),
    rig.evaluate('graded', 'run-1', 'c-3', words),
  ]);
  expect(first.score?.value).toBeLessThan(1);
  expect(first.score?.standardError).toBeGreaterThan(0.02);
  expect(second.score?.value).toBeGreaterThan(1);
  expect(refused.refusal?.message).toBe('the grader refused the submission');
  const verdict = await rig.seal('graded', 'run-1', ['c-1', 'c-2']);
  expect(verdict).toMatchObject({ winnerId: 'c-1', baselineName: 'the first row of the sample submission' });
  expect(verdict.finalists[0]).toMatchObject({ probabilityBest: 1 });
  expect(readdirSync(join(rig.stateDirectory, 'grading'))).toEqual([]);
  await rig.stop();
}, 180_000);
