// Hostile files over the wire: none crashes the evaluator, none is accepted, and what is said of one depends on the file
// alone: two tasks with the same ids and different labels give the same bytes.

import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nextInt, seedRng } from '../../../shared/core/rng.ts';
import { type AttackedEvaluator, attackEvaluator, labelFile } from '../../support/attacked-evaluator.ts';

const rows = 200;
const rng = seedRng('malformed');
const labels = (): number[] => Array.from({ length: rows }, () => nextInt(rng, 2));
let evaluator: AttackedEvaluator;

beforeAll(async () => {
  const task = (name: string) => {
    return { name, metric: 'roc-auc', feedback: 'quantised' as const, search: labels(), validation: labels() };
  };
  evaluator = await attackEvaluator([task('one'), task('two')]);
});

afterAll(() => evaluator.stop());

const good = labelFile(Array.from({ length: 2 * rows }, (_, row) => row % 2));
const withValue = (value: string): string => good.replace('r7,1', `r7,${value}`);
const values = [
  ...['NaN', 'nan', 'Infinity', '-inf', '1e999', '', ' ', '0x10', '１', '1_0', '"1,5"', 'true', '+1', '.5', '5.', '1e'],
  ...['--1', '1abc', '1n', '=1+1', '1'.repeat(500), '1.2', '-0.1', '1\0', '\u0663', '__proto__', 'null', '[1]'],
  ...['1;1', '1\t', "1' OR 1=1", '<b>1</b>', '%31', '1e-400e1', '٣', '1\u200b', '𝟏'],
];
const corpus: readonly (readonly [string, Buffer | string])[] = [
  ...values.map((value) => [`value ${JSON.stringify(value.slice(0, 20))}`, withValue(value)] as const),
  ['nothing', ''],
  ['a header only', 'id,y\n'],
  ['a newline', '\n'],
  ['a byte-order mark', `\ufeff${good}`],
  ['UTF-16', Buffer.from(good, 'utf16le')],
  ['NUL bytes', Buffer.alloc(1000)],
  ['gzip', gzipSync(good)],
  ['zip', Buffer.concat([Buffer.from('PK\u0003\u0004'), Buffer.alloc(100)])],
  ['tar', Buffer.concat([Buffer.alloc(257), Buffer.from('ustar\u000000'), Buffer.alloc(248)])],
  ['a pickle', Buffer.from('80049522000000000000008c05706f736978948c0673797374656d9493948c026964948594529400', 'hex')],
  ['commas', Buffer.alloc(50_000, ',')],
  ['one line', Buffer.alloc(50_000, 'x')],
  ['quotes', Buffer.alloc(50_000, '"')],
  ['an open quote', good.replace('r7,1', 'r7,"1')],
  ['a stray quote', good.replace('r7,1', 'r7,1"')],
  ['a duplicate id', good.replace('r7,', 'r8,')],
  ['a missing row', good.replace('r7,1\n', '')],
  ['an unknown id', good.replace('r7,', 'r9999,')],
  ['an extra row', `${good}r400,1\n`],
  ['__proto__ as id', good.replace('r7,', '__proto__,')],
  ['a missing column', good.replaceAll(/,./g, '')],
  ['an extra column', good.replaceAll('\n', ',1\n')],
  ['a wrong column', good.replace('id,y', 'id,z')],
  ['a column twice', good.replaceAll('\n', ',1\n').replace('id,y,1', 'id,y,y')],
  ['semicolons', good.replaceAll(',', ';')],
  ['lone carriage returns', good.replaceAll('\n', '\r')],
  ['an empty line', good.replace('r7,', '\nr7,')],
  ['too many bytes', Buffer.alloc(1_000_000, 'id,y\n')],
  ['bytes beyond UTF-8', Buffer.from([...Buffer.from('id,y\nr0,'), 0xff, 0xfe, 0x0a])],
];

test('the corpus has at least 60 files', () => {
  expect(corpus.length).toBeGreaterThanOrEqual(60);
});

test('every hostile file is refused with a typed error that is the same bytes under two sets of labels', async () => {
  for (const [index, [name, file]] of corpus.entries()) {
    const [one, two] = await Promise.all(
      ['one', 'two'].map((task) => evaluator.submit({ task, run: `run-${task}`, candidate: `c${index}` }, file)),
    );
    expect(one?.result, name).toBe('refusal');
    expect(JSON.stringify(two?.refusal), name).toBe(JSON.stringify(one?.refusal));
  }
});

test('random bytes and mutated files are refused alike, and an honest file is scored afterwards', async () => {
  for (let round = 0; round < 60; round += 1) {
    const bytes = Buffer.from(good);
    const changes = 1 + nextInt(rng, 8);
    for (let change = 0; change < changes; change += 1) bytes[nextInt(rng, bytes.length)] = nextInt(rng, 256);
    const [one, two] = await Promise.all(
      ['one', 'two'].map((task) => evaluator.submit({ task, run: `run-${task}`, candidate: `m${round}` }, bytes)),
    );
    expect(two?.result).toBe(one?.result);
    expect(JSON.stringify(two?.refusal)).toBe(JSON.stringify(one?.refusal));
  }
  const honest = await evaluator.submit({ task: 'one', run: 'run-one', candidate: 'honest' }, good);
  expect(honest.result).toBe('score');
});
