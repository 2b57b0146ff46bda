// Parquet tables against the CSV of the same data: what agents get is the same, byte for byte, and a broken file is a sentence.

import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { expect, test } from 'vitest';
import { nextInt, seedRng } from '../../shared/core/rng.ts';
import { openVault } from '../vault/vault.ts';
import { importTask } from './import-task.ts';
import { readTable, type Table } from './table.ts';

type Options = Parameters<typeof parquetWriteBuffer>[0];
type Columns = Options['columnData'];

/** Blocks of literals alone, which any reader of LZ4 takes. */
function lz4Literals(input: Uint8Array): Uint8Array {
  if (input.length < 15) return Uint8Array.from([input.length << 4, ...input]);
  const lengths = [];
  let left = input.length - 15;
  for (; left >= 255; left -= 255) lengths.push(255);
  return Uint8Array.from([0xf0, ...lengths, left, ...input]);
}

const codecs = {
  UNCOMPRESSED: undefined,
  SNAPPY: undefined,
  GZIP: gzipSync,
  BROTLI: brotliCompressSync,
  ZSTD: zstdCompressSync,
  LZ4_RAW: lz4Literals,
};

function parquet(columnData: Columns, options: Partial<Options> = {}): Buffer {
  return Buffer.from(parquetWriteBuffer({ columnData, ...options }));
}

async function rowsOf(columnData: Columns, options: Partial<Options> = {}): Promise<Table['rows']> {
  const table = await readTable('t.parquet', parquet(columnData, options));
  if (!table.ok) throw new Error(table.error[0]?.message);
  return table.value.rows;
}

async function sentence(bytes: Buffer): Promise<string> {
  const table = await readTable('t.parquet', bytes);
  if (table.ok) return `${table.value.rows.length} rows`;
  return table.error[0]?.message ?? '';
}

const rows = Array.from({ length: 120 }, (_, row) => ({
  id: row + 1,
  size: row % 7 === 0 ? null : (row * 37) % 101,
  weight: ((row * 53) % 97) / 8,
  colour: ['red', 'green, or so', ''][row % 3] ?? '',
  label: (row * 29) % 2,
}));

function field(value: string | number | null): string {
  return typeof value === 'string' && value.includes(',') ? `"${value}"` : String(value ?? '');
}

type Name = keyof (typeof rows)[number];

const columnTypes = { id: 'INT32', size: 'INT32', weight: 'DOUBLE', colour: 'STRING', label: 'INT32' } as const;

function encode(
  format: 'csv' | 'parquet',
  names: readonly Name[],
  some: typeof rows,
  codec: keyof typeof codecs,
): Buffer {
  if (format === 'csv') {
    const lines = [names, ...some.map((row) => names.map((column) => field(row[column])))];
    return Buffer.from(lines.map((line) => `${line.join(',')}\n`).join(''));
  }
  const columnData = names.map((name) => {
    return { name, data: some.map((row) => row[name]), nullable: name === 'size', type: columnTypes[name] };
  });
  const compressors = codecs[codec] === undefined ? {} : { compressors: { [codec]: codecs[codec] } };
  return parquet(columnData, { codec, rowGroupSize: 50, ...compressors });
}

const features: readonly Name[] = ['id', 'size', 'weight', 'colour'];

test('a task in Parquet is the same bundle as in CSV, byte for byte', async () => {
  const bundleOf = async (format: 'csv' | 'parquet'): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), 'doubleblind-parquet-'));
    const write = (name: string, names: readonly Name[], some: typeof rows): Promise<void> =>
      writeFile(join(directory, `${name}.${format}`), encode(format, names, some, 'ZSTD'));
    await write('train', [...features, 'label'], rows.slice(0, 100));
    await write('test', features, rows.slice(100));
    await write('sample_submission', ['id', 'label'], rows.slice(100));
    await writeFile(join(directory, 'description.md'), '# Sizes\n');
    await writeFile(join(directory, 'task.yaml'), 'name: sizes\nmetric: accuracy\ntarget: label\n');
    const vault = openVault(await mkdtemp(join(tmpdir(), 'doubleblind-vault-')));
    const { task } = await importTask(vault, directory, Buffer.alloc(32, 7));
    vault.close();
    return task.bundleDigest;
  };
  expect(await bundleOf('parquet')).toBe(await bundleOf('csv'));
});

test.each(Object.keys(codecs) as (keyof typeof codecs)[])(
  'a table compressed by %s is that of the CSV',
  async (codec) => {
    const csv = await readTable('t.csv', encode('csv', features, rows, codec));
    const read = await readTable('t.parquet', encode('parquet', features, rows, codec));
    expect(read.ok && { columns: read.value.columns, rows: read.value.rows }).toEqual(
      csv.ok && { columns: csv.value.columns, rows: csv.value.rows },
    );
  },
);

test('values are the texts that CSV has: nothing for null, all digits of whole numbers and decimals, times in UTC', async () => {
  const instant = new Date('2026-04-24T12:30:00.250Z');
  const column = (name: string, data: unknown[], type?: string) =>
    ({ name, data, ...(type && { type }) }) as Columns[0];
  expect(
    await rowsOf([
      column('int64', [9_007_199_254_740_993n, null], 'INT64'),
      column('boolean', [true, null], 'BOOLEAN'),
      column('double', [0.1, Number.NaN], 'DOUBLE'),
      column('float', [0.1, Number.NEGATIVE_INFINITY], 'FLOAT'),
      column('time', [instant, null], 'TIMESTAMP'),
      column('uuid', ['00112233-4455-6677-8899-aabbccddeeff', null], 'UUID'),
      column('json', [{ a: [1] }, null], 'JSON'),
      column('text', ['__proto__ é', null], 'STRING'),
    ]),
  ).toEqual(
    [...[['9007199254740993', 'true', '0.1', '0.1', '2026-04-24 12:30:00.25']], ...[['', '', '', '-inf', '']]].map(
      (row, at) => [
        ...row,
        ...(at === 0 ? ['00112233-4455-6677-8899-aabbccddeeff', '{"a":[1]}', '__proto__ é'] : ['', '', '']),
      ],
    ),
  );
  const element = { name: 'x', repetition_type: 'OPTIONAL' as const };
  const root = { name: 'root', num_children: 1 };
  const as = (more: object, data: unknown[]): Promise<Table['rows']> =>
    rowsOf([{ name: 'x', data } as Columns[0]], { schema: [root, { ...element, ...more }] as never });
  const decimal = { converted_type: 'DECIMAL', scale: 2, precision: 38 };
  expect(await as({ type: 'INT64', ...decimal }, [-5n, 123_456_789_012_345_678n])).toEqual([
    ['-0.05'],
    ['1234567890123456.78'],
  ]);
  expect(
    await as({ type: 'FIXED_LEN_BYTE_ARRAY', type_length: 16, ...decimal }, [-12_345_678_901_234_567_890n]),
  ).toEqual([['-123456789012345678.90']]);
  expect(await as({ type: 'INT32', converted_type: 'DATE' }, [new Date('1969-12-31'), null])).toEqual([
    ['1969-12-31'],
    [''],
  ]);
  const nanos = { type: 'INT64', logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: false, unit: 'NANOS' } };
  expect(await as(nanos, [-1n])).toEqual([['1969-12-31 23:59:59.999999999']]);
});

test('a dictionary of few values and many row groups give the rows in order', async () => {
  const data = Array.from({ length: 5000 }, (_, row) => `kind ${row % 3}`);
  const plain = Array.from({ length: 5000 }, (_, row) => row);
  const read = await rowsOf(
    [
      { name: 'kind', data, type: 'STRING', encoding: 'RLE_DICTIONARY' },
      { name: 'row', data: plain, type: 'INT32', encoding: 'DELTA_BINARY_PACKED' },
    ],
    { rowGroupSize: 700, pageSize: 512 },
  );
  expect(read).toEqual(plain.map((row) => [`kind ${row % 3}`, String(row)]));
});

test('what is no table is refused with a sentence', async () => {
  const x = (data: unknown[], type?: string): Columns => [{ name: 'x', data, ...(type && { type }) } as Columns[0]];
  const root = { name: 'root', num_children: 1 };
  const typed = (more: object): Partial<Options> => ({
    schema: [root, { name: 'x', repetition_type: 'OPTIONAL', ...more }] as never,
  });
  const list = [
    { name: 'x', repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', type: 'INT32', repetition_type: 'OPTIONAL' },
  ];
  const nested = parquet(x([[1, 2], [3]]), { schema: [root, ...list] as never });
  expect(await sentence(nested)).toMatch(/^the column "x" is nested/);
  expect(await sentence(parquet(x([1n]), typed({ type: 'INT64', converted_type: 'TIME_MICROS' })))).toContain(
    'TIME_MICROS',
  );
  expect(await sentence(parquet(x([Uint8Array.of(255, 254)], 'BYTE_ARRAY')))).toContain('not a readable Parquet file');
  expect(await sentence(parquet([{ name: '__index_level_0__', data: [1] }]))).toContain('an index of pandas');
  expect(await sentence(parquet([...x([1]), ...x([2])]))).toContain('twice');
  expect(await sentence(Buffer.alloc(0))).toContain('empty');
  expect(await sentence(Buffer.from('id,x\n1,2\n'))).toContain('not a readable Parquet file');
  expect(await sentence(Buffer.from('PAR1PAR1'))).toContain('not a readable Parquet file');
});

test('a file that is cut, changed or claims more than it has is refused or read, and nothing else happens', async () => {
  const rng = seedRng('parquet');
  const whole = parquet([{ name: 'x', data: Array.from({ length: 300 }, (_, row) => row % 5), type: 'INT32' }]);
  const cut = await Promise.all(
    [1, 9, whole.length >> 1].map((bytes) => sentence(whole.subarray(0, whole.length - bytes))),
  );
  expect(cut.filter((told) => told.startsWith('not a readable Parquet file')).length).toBe(3);
  const changed = Array.from({ length: 6 }, () => {
    const copy = Buffer.from(whole);
    for (let change = 0; change < 3; change += 1) copy[nextInt(rng, copy.length)] = nextInt(rng, 256);
    return copy;
  });
  for (const told of await Promise.all(changed.map(sentence))) {
    expect(told).toMatch(/^(300 rows|not a readable Parquet file: .|it |the )/);
  }
  const many = parquet([{ name: 'x', data: [1, 2], type: 'INT32' }]);
  // num_rows of the footer, as a zigzag number: 2 becomes 2,000,000,000.
  const at = many.lastIndexOf(Buffer.from([0x16, 0x04, 0x19]));
  const claimed = Buffer.concat([
    many.subarray(0, at),
    Buffer.from([0x16, 0x80, 0xd0, 0xac, 0xf3, 0x0e, 0x19]),
    many.subarray(at + 3),
  ]);
  claimed.writeUInt32LE(claimed.readUInt32LE(claimed.length - 8) + 4, claimed.length - 8);
  expect(await sentence(claimed)).toMatch(/^it has 2000000000 rows of 1 columns; 20000000 values are the most/);
});
