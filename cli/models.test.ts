import { expect, test } from 'vitest';
import { modelsReader } from './models.ts';
import { noticeOf } from './report/facts.ts';
import { sampleCandidate, sampleRun } from './testing/sample-run.ts';

/** What is said of a run in which these models answered, the newest candidate last; a transcript each. */
async function seenOf(answering: readonly string[]) {
  const reads: string[] = [];
  const artifact = async (digest: string): Promise<Buffer> => {
    reads.push(digest);
    const model = answering[Number(digest)];
    return await Promise.resolve(Buffer.from(JSON.stringify({ kind: 'modelAnswered', model })));
  };
  const { artifacts } = sampleCandidate();
  const candidates = answering.map((_, index) =>
    sampleCandidate({
      candidateId: `c-${index}`,
      number: index + 1,
      artifacts: { ...artifacts, transcriptDigest: String(index) },
    }),
  );
  const modelsOf = modelsReader({ artifact });
  const seen = await modelsOf(sampleRun(), candidates);
  expect(await modelsOf(sampleRun(), candidates)).toEqual(seen);
  expect(new Set(reads).size).toBe(reads.length);
  return seen;
}

function offline(count: number): string[] {
  return Array.from({ length: count }, () => 'offline-policy');
}

test('that no language model took part in a run is said where all of its transcripts were read', async () => {
  const seen = await seenOf(offline(20));
  expect(seen).toEqual({ models: ['offline-policy'], transcriptsRead: 20, transcripts: 20 });
  expect(noticeOf(seen)).toContain('No language model took part in this run.');
});

test('one model among many answers of the offline policy is found, as long as all can be read', async () => {
  const seen = await seenOf(['some-model', ...offline(30)]);
  expect(seen.models).toEqual(['offline-policy', 'some-model']);
  expect(noticeOf(seen)).toBeUndefined();
});

test('of a large run it is said how many transcripts were read, and nothing about the others', async () => {
  const seen = await seenOf(offline(100));
  expect(seen).toMatchObject({ transcriptsRead: 64, transcripts: 100 });
  expect(noticeOf(seen)).toContain("in the 64 of this run's 100 transcripts that were read");
  expect(noticeOf(seen)).not.toContain('in this run.');
});

test('where language models answer, a few transcripts are enough', async () => {
  expect(await seenOf(Array.from({ length: 30 }, () => 'some-model'))).toMatchObject({ transcriptsRead: 4 });
});
