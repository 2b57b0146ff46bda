import { createHash } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTasks } from '../../test/support/attacked-evaluator.ts';
import { blockBytes, createBlocks } from './blocks.ts';
import { labelKeyPaths } from './label-keys.ts';
import { openScorer, type Scorer } from './scorer.ts';
import { openVault } from './vault.ts';

const rows = 60_000;
const label = (row: number): number => (row * 7) % 2;
/** Every tenth answer is wrong; numbers are written long, so that the file has several windows. */
const guess = (row: number): number => (row % 10 === 0 ? 1 - label(row) : label(row));
const file = Buffer.from(
  `id,y\n${Array.from({ length: rows }, (_, row) => `r${row},${guess(row)}.${'0'.repeat(40)}\n`).join('')}`,
);
const announced = { bytes: file.length, digest: createHash('sha256').update(file).digest('hex') };

async function* chunksOf(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function scorerOfOneTask(): Promise<{ scorer: Scorer; version: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'doubleblind-scorer-'));
  const labels = Array.from({ length: rows }, (_, row) => label(row));
  const [search, validation] = [labels.slice(0, rows / 2), labels.slice(rows / 2)];
  makeTasks(directory, [{ name: 'wide', metric: 'accuracy', feedback: 'exact', search, validation }]);
  const vault = openVault(directory);
  const version = vault.findTask('wide')?.version ?? '';
  vault.close();
  return { scorer: openScorer({ stateDirectory: directory, keys: labelKeyPaths(directory) }, 1), version };
}

test('pieces of any size, larger than a block or not, are read as the file that they make', async () => {
  const { scorer, version } = await scorerOfOneTask();
  try {
    expect(file.length).toBeGreaterThan(8 * blockBytes);
    for (const size of [blockBytes * 3 + 7, blockBytes, 100_003]) {
      const read = await scorer.score(version, announced, chunksOf(file, size));
      const scores = read.kind === 'read' && read.scores?.ok === true ? read.scores.value : undefined;
      expect(scores?.search.value, `${size} bytes`).toBe(0.9);
      expect(scores, 'before the seal there is no other score').not.toHaveProperty('validation');
    }
  } finally {
    await scorer.close();
  }
});

test('an upload that breaks off, and two at once, leave each other alone', async () => {
  const { scorer, version } = await scorerOfOneTask();
  try {
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield* chunksOf(file.subarray(0, file.length / 2), 300_000);
      throw new Error('the peer is gone');
    };
    const readings = await Promise.allSettled([
      scorer.score(version, announced, chunksOf(file, 200_000)),
      scorer.score(version, announced, broken()),
      scorer.score(version, announced, chunksOf(file.subarray(1), 70_000)),
      scorer.score(version, announced, chunksOf(file, 700_000)),
    ]);
    expect(readings[1]).toMatchObject({ status: 'rejected', reason: { message: 'the peer is gone' } });
    expect(readings[2]).toMatchObject({ value: { kind: 'refused', refusal: { kind: 'digestMismatch' } } });
    for (const index of [0, 3]) {
      expect(readings[index]).toMatchObject({
        value: { kind: 'read', scores: { value: { search: { value: 0.9 } } } },
      });
    }
  } finally {
    await scorer.close();
  }
});

test('a block that comes back is used again, and no more are kept than one upload has on its way', () => {
  const blocks = createBlocks();
  const block = blocks.take();
  blocks.give(block);
  expect(blocks.take()).toBe(block);
  const many = Array.from({ length: 20 }, () => blocks.take());
  for (const each of many) blocks.give(each);
  expect(Array.from({ length: 20 }, () => blocks.take()).filter((each) => many.includes(each))).toHaveLength(8);
});
