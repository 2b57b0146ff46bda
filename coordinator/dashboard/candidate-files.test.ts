import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digest } from '../../shared/core/ids.ts';
import { type ArtifactDirectory, openArtifactDirectory } from '../../shared/store/artifacts.ts';
import { logText, solutionFiles } from './candidate-files.ts';

const mebibyte = 2 ** 20;

let directory: string;
let artifacts: ArtifactDirectory;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'doubleblind-candidate-files-'));
  artifacts = await openArtifactDirectory(directory);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

test('of a long log its end is shown, and nothing before it is read', async () => {
  const log = await artifacts.put(Buffer.from(`beginning${'.'.repeat(3 * mebibyte)}end`));
  let read = 0;
  const counting: Pick<ArtifactDirectory, 'size' | 'stream'> = {
    size: (name) => artifacts.size(name),
    async *stream(...about) {
      for await (const chunk of artifacts.stream(...about)) {
        read += chunk.length;
        yield chunk;
      }
    },
  };
  const { text, sizeBytes, cut } = await logText(counting, log.digest);
  expect([text.length, text.slice(-4), sizeBytes, cut]).toEqual([mebibyte, '.end', log.sizeBytes, true]);
  expect(read).toBe(mebibyte);
});

test('a short log is shown whole, and one that is gone is said to be', async () => {
  const log = await artifacts.put(Buffer.from('epoch 1\n'));
  expect(await logText(artifacts, log.digest)).toEqual({ text: 'epoch 1\n', sizeBytes: 8, cut: false });
  await expect(logText(artifacts, digest('0'.repeat(64)))).rejects.toMatchObject({ code: 'notFound' });
  await expect(solutionFiles(artifacts, digest('0'.repeat(64)))).rejects.toMatchObject({ code: 'notFound' });
});

test('a solution that is larger than any that is shown is not read at all', async () => {
  const huge: Pick<ArtifactDirectory, 'size' | 'stream'> = {
    size: async () => await Promise.resolve(2 ** 30),
    stream: () => expect.unreachable('it was read'),
  };
  await expect(solutionFiles(huge, digest('0'.repeat(64)))).rejects.toMatchObject({
    code: 'failedPrecondition',
    message: expect.stringContaining(`a tar of ${2 ** 30} bytes`),
  });
});
