// `npm run bench -- mle-bench` from end to end: a competition in MLE-bench's shape, a cassette as the model, three seeds, and
// what it writes for `mlebench grade`.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { benchMleBench } from '../../bench/mle-bench.ts';
import { attemptOf, createRun, joinHost, newMachine } from '../../coordinator/core/machine.test-support.ts';

const directory = mkdtempSync(join(tmpdir(), 'doubleblind-mle-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const breeds = ['beagle', 'husky', 'pug'];
const rows = Array.from({ length: 300 }, (_, row) => ({ id: `img${row}`, a: (row * 37) % 101, b: (row * 53) % 97 }));
const breedOf = ({ a, b }: { a: number; b: number }): string => breeds[(a + 2 * b) % 3] ?? '';

/** One column a class, answers one-hot, and the sample submission under private/, as dog-breed-identification has them. */
function competition(): string {
  const [labelled, official] = [rows.slice(0, 240), rows.slice(240)];
  const oneHot = (breed: string): string => breeds.map((each) => Number(each === breed)).join(',');
  const answers = `id,${breeds.join(',')}\n${official.map((row) => `${row.id},${oneHot(breedOf(row))}\n`).join('')}`;
  const files = {
    'config.yaml':
      'id: dog-breeds\nname: Dog Breeds\ndataset:\n  answers: dog-breeds/prepared/private/test.csv\n  sample_submission: dog-breeds/prepared/private/sample_submission.csv\n',
    'task.yaml':
      'name: dog-breeds\ntitle: Dog Breeds\nmetric: log-loss\ntarget: breed\nfiles: []\nsplit:\n  seed: 1\nfeedback: quantised\nrefit: false\nsource: not stated\nlicence: not stated\n',
    'prepared/public/train.csv': `id,a,b,breed\n${labelled.map((row) => `${row.id},${row.a},${row.b},${breedOf(row)}\n`).join('')}`,
    'prepared/public/test.csv': `id,a,b\n${official.map((row) => `${row.id},${row.a},${row.b}\n`).join('')}`,
    'prepared/public/description.md': '# Dog breeds\n',
    'prepared/private/test.csv': answers,
    'prepared/private/sample_submission.csv': answers,
  };
  const folder = join(directory, 'dog-breeds');
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

const program = `import csv
columns = next(csv.reader(open('/data/sample_submission.csv')))
with open('/out/submission.csv', 'w') as out:
    out.write(','.join(columns) + '\\n')
    for row in csv.DictReader(open('/data/test.csv')):
        first = 0.2 + 0.006 * float(row['a'])
        out.write(f"{row['id']},{first},{(1 - first) / 2},{(1 - first) / 2}\\n")
`;

/** A recording of two turns for the first attempt of a run with each seed: it writes a program and submits it. */
function cassette(seeds: readonly number[]): string {
  const model = { name: 'played', languageModel: true, priceKnown: true, inputDollarsPerMillion: 3 };
  const limits = { outputDollarsPerMillion: 15, contextTokens: 128_000, maxOutputTokens: 8192 };
  const calls = [
    { name: 'write_file', input: { path: '/work/solution/main.py', content: program } },
    { name: 'submit', input: { idea: 'a share that follows a', changes: 'none' } },
  ];
  const turns = seeds.flatMap((seed) => {
    const machine = newMachine();
    createRun(machine, { seed });
    joinHost(machine, 'alpha', 1);
    return calls.map(({ name, input }, turn) => {
      const toolCalls = [{ id: `call-${turn}`, name, argumentsJson: JSON.stringify(input) }];
      const message = { role: 'assistant', content: '', toolCalls, toolCallId: '' };
      const answer = { message, inputTokens: 1000, outputTokens: 200, finishReason: 'tool_calls', model: 'played' };
      return { digest: 'of no request', seed: attemptOf(machine, 1).seed, turn, answer };
    });
  });
  const file = join(directory, 'cassette.jsonl');
  const lines = [{ cassette: 1, models: [{ ...model, ...limits }] }, ...turns];
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return file;
}

test('a prepared competition is searched with three seeds, and each leaves a file for `mlebench grade`', async () => {
  const config = join(directory, 'gateway.yaml');
  writeFileSync(
    config,
    JSON.stringify({ upstreams: [{ name: 'played', kind: 'cassette', file: cassette([1, 2, 3]) }] }),
  );
  const output = join(directory, 'out');
  const { text, broken } = await benchMleBench([
    ...['--gateway-config', config, '--candidates', '1', '--budget', '10m', '--slots', '1', '-o', output],
    competition(),
  ]);
  expect(broken).toEqual([]);
  for (const seed of [1, 2, 3]) {
    const line = readFileSync(join(output, `seed-${seed}`, 'submissions.jsonl'), 'utf8');
    const { competition_id: id, submission_path: path } = JSON.parse(line) as {
      competition_id: string;
      submission_path: string;
    };
    expect(id).toBe('dog-breeds');
    const submission = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(submission[0]).toBe('id,beagle,husky,pug');
    const ids = submission.slice(1).map((row) => row.split(',')[0]);
    expect(new Set(ids)).toEqual(new Set(rows.slice(240).map((row) => row.id)));
    expect(ids).toHaveLength(60);
    const report = JSON.parse(readFileSync(join(dirname(path), 'report.json'), 'utf8')) as Record<string, unknown>;
    expect(report).toMatchObject({ competition_id: 'dog-breeds', valid_submission: true, is_lower_better: true });
  }
  // Two turns of 1,000 tokens read and 200 written, each time: 1.2 cents a run.
  expect(text).toContain('0.01');
});
