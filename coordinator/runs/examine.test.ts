import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Digest, digest } from '../../shared/core/ids.ts';
import { silentLogger } from '../../shared/log.ts';
import { ArtifactMissing } from '../../shared/store/artifacts.ts';
import { packFiles } from '../../shared/store/tree.ts';
import type { Attempt, Run, Score } from '../core/state.ts';
import { examined } from './examine.ts';

const stored = new Map<string, Buffer>();
const put = (bytes: Buffer): Digest => {
  const name = createHash('sha256').update(bytes).digest('hex');
  stored.set(name, bytes);
  return digest(name);
};
const artifacts = {
  size: async (name: Digest) => await Promise.resolve(stored.get(name)?.length),
  async *stream(name: Digest) {
    yield await Promise.resolve(stored.get(name) ?? Buffer.alloc(0));
  },
};
const score: Score = { value: 0.8, standardError: 0.01, feedback: '0.8', quarantined: false, quarantineReason: '' };
const run = {
  task: { metric: 'accuracy', lowerIsBetter: false },
  population: { ranked: { pieces: [[{ value: 0.7 }]], length: 1 } },
} as unknown as Run;

const file = (path: string, bytes: Buffer) => ({ path, bytes, executable: false });

async function look(
  program: string | Buffer,
  about: Partial<Score> = {},
  beside: readonly ReturnType<typeof file>[] = [],
): Promise<Score> {
  const main = file('main.py', Buffer.from(program));
  const solution = put(typeof program === 'string' ? await packFiles([main, ...beside]) : program);
  const submission = put(Buffer.from(`id,y\n${Array.from({ length: 9 }, (_, row) => `a7f3c2d${row},1`).join('\n')}\n`));
  const attempt = { id: 'attempt-1', artifacts: { solution, submission } } as unknown as Attempt;
  return await examined({ ...score, ...about }, { run, attempt, artifacts, log: silentLogger });
}

test('a program that names the test rows is held back, with what was seen', async () => {
  const known = Array.from({ length: 9 }, (_, row) => `'a7f3c2d${row}': 1`).join(', ');
  expect(await look(`known = {${known}}\n`)).toMatchObject({
    quarantined: true,
    quarantineReason: 'hard-coded answers: main.py names 9 of the 9 test rows by their ids',
  });
});

const examine = (about: { solution?: Digest; log?: Digest }, store = artifacts): Promise<Score> =>
  examined(score, {
    ...{ run, attempt: { id: 'attempt-1', artifacts: about } as unknown as Attempt },
    ...{ artifacts: store, log: silentLogger },
  });

test('an honest program keeps its score, and so it does where its log or its submission is not stored', async () => {
  const honest = "import pandas as pd\npd.read_csv('/data/train.csv')\n";
  expect(await look(honest)).toEqual(score);
  const solution = put(await packFiles([file('main.py', Buffer.from(honest))]));
  expect(await examine({ solution, log: digest('0'.repeat(64)) })).toEqual(score);
});

test('what has no solution to look at is held back, whether it was never sent, is not stored or goes away meanwhile', async () => {
  const absent = digest('1'.repeat(64));
  const held = (why: string) => ({ quarantined: true, quarantineReason: `cannot be examined: ${why}` });
  expect(await examine({})).toMatchObject(held('it came without its solution'));
  expect(await examine({ solution: absent })).toMatchObject(held('its solution is not in the artifact store'));
  const going = {
    size: () => Promise.resolve(1024),
    // biome-ignore lint/correctness/useYield: it fails before it has anything to give.
    async *stream(): AsyncGenerator<Buffer> {
      throw await Promise.resolve(new ArtifactMissing('gone'));
    },
  };
  expect(await examine({ solution: absent, log: absent }, going)).toMatchObject(
    held('its solution is not in the artifact store'),
  );
  const empty = put(await packFiles([file('other.py', Buffer.from('pass\n'))]));
  expect(await examine({ solution: empty })).toMatchObject(held('the solution has no main.py'));
});

const cheat = "open('/proc/1/environ')\n";
const honestProgram = "import pandas as pd\npd.read_csv('/data/train.csv')\n";
const many = (count: number) => Array.from({ length: count }, (_, each) => file(`a/${each}`, Buffer.alloc(0)));
const weights = (count: number, mebibytes: number) =>
  Array.from({ length: count }, (_, each) => file(`a${each}.bin`, Buffer.alloc(mebibytes * 2 ** 20)));

test('what lies beside a program hides it from nobody', async () => {
  for (const beside of [weights(1, 17), many(10_001)]) {
    const held = await look(cheat, {}, beside);
    expect(held.quarantineReason).toContain('reads what is not its own');
    expect(held.quarantineReason).not.toContain('cannot be examined');
    expect(await look(honestProgram, {}, beside)).toEqual(score);
  }
});

test('a solution that is too large or broken is held back for that, and its main program is looked at', async () => {
  const both = (found: string): RegExp => new RegExp(`reads what is not its own: .*cannot be examined: .*${found}`);
  expect((await look(cheat, {}, many(20_001))).quarantineReason).toMatch(both('20002 files'));
  expect((await look(cheat, {}, weights(2, 65))).quarantineReason).toMatch(both('bytes'));
  const lines = Array.from({ length: 9 }, (_, each) => file(`a${each}.txt`, Buffer.alloc(2 * 2 ** 20, '.\n')));
  expect((await look(cheat, {}, lines)).quarantineReason).toMatch(both('bytes of text'));
  for (const mebibytes of [1, 3]) {
    const last = file('z.bin', Buffer.alloc(mebibytes * 2 ** 20));
    const whole = await packFiles([file('main.py', Buffer.from(cheat)), last]);
    expect((await look(whole.subarray(0, 2 ** 19))).quarantineReason).toMatch(both('not a readable tar'));
  }
  expect(await look(Buffer.from('no tar at all'))).toMatchObject({ quarantined: true });
});

test('that the store fails is no suspicion', async () => {
  const failing = {
    ...artifacts,
    stream: () => {
      throw new Error('disk');
    },
  };
  const attempt = { id: 'attempt-1', artifacts: { solution: put(Buffer.alloc(1024)) } } as unknown as Attempt;
  await expect(examined(score, { run, attempt, artifacts: failing, log: silentLogger })).rejects.toThrow('disk');
});

test('what the evaluator holds back keeps its own reason', async () => {
  const held = { quarantined: true, quarantineReason: 'perfect' };
  expect(await look("open('/proc/1/environ')", held)).toMatchObject(held);
});

test('a large text that was made to keep its reader busy is read in time', async () => {
  const brackets = '['.repeat(20_000) + '1,'.repeat(20_000);
  const quotes = '"a"+'.repeat(10_000);
  const reports = 'cv '.repeat(40_000);
  for (const text of [
    brackets,
    quotes,
    reports,
    "'".repeat(100_000),
    `${'\n'.repeat(100_000)}"""`,
    'x'.repeat(10 ** 6),
  ]) {
    await look(text);
  }
}, 60_000);
