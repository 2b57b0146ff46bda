// Reads a Parquet file, from standard input, in a process of its own whose heap has a limit: a run length in a broken file can
// ask for any amount of memory, and this process then ends in the importer's place. parquet.ts is the other end. The only door
// to hyparquet.
//
// Every value becomes the text that the same table has as CSV: nothing for null and for a float that is no number, whole
// numbers and decimals with all their digits, floats by the fewest digits that tell them apart, times in UTC.
// Column by column and row group by row group, so that one column of one group is held at a time.

import { buffer } from 'node:stream/consumers';
import { type FileMetaData, type ParquetParsers, parquetMetadata, parquetRead, type SchemaElement } from 'hyparquet';
import { compressors, decompressZstd } from 'hyparquet-compressors';
import { messageChain } from '../../shared/core/message-chain.ts';

/** What this process says: the columns, then the texts of one column for some rows at a time, then the end. */
export type FromParquet =
  | { readonly kind: 'head'; readonly columns: readonly string[]; readonly rows: number }
  | { readonly kind: 'texts'; readonly column: number; readonly firstRow: number; readonly texts: readonly string[] }
  | { readonly kind: 'end' }
  | { readonly kind: 'refused'; readonly message: string; readonly remedy: string };

class Refused extends Error {
  readonly remedy: string;

  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

/** A table is held as text in memory, about 50 bytes a value. */
const mostCells = 20_000_000;
/** Pages are 1 MiB by default, and 100 MiB where somebody turned that off. */
const mostPageBytes = 256 * 2 ** 20;
/** Types whose texts nobody agrees on. */
const withoutText = /^(TIME|TIME_MILLIS|TIME_MICROS|INTERVAL|BSON|GEOMETRY|GEOGRAPHY|VARIANT|FILE)$/;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** What turns into text while the pages are read. */
const parsers: Partial<ParquetParsers> = {
  timestampFromMilliseconds: (value: bigint) => timeText(value, 3),
  timestampFromMicroseconds: (value: bigint) => timeText(value, 6),
  timestampFromNanoseconds: (value: bigint) => timeText(value, 9),
  dateFromDays: (days: number) => new Date(days * 86_400_000).toISOString().slice(0, -14),
  stringFromBytes: (bytes: Uint8Array) => utf8.decode(bytes),
  jsonFromBytes: (bytes: Uint8Array) => utf8.decode(bytes),
};

/** `2026-04-24 12:00:00.5`, as pandas writes it. */
function timeText(value: bigint, digits: number): string {
  const unit = 10n ** BigInt(digits);
  const part = ((value % unit) + unit) % unit;
  const seconds = Number((value - part) / unit);
  const fraction = String(part).padStart(digits, '0').replace(/0+$/, '');
  const whole = new Date(seconds * 1000).toISOString().slice(0, -5).replace('T', ' ');
  return fraction === '' ? whole : `${whole}.${fraction}`;
}

function isDecimal(element: SchemaElement): boolean {
  return element.converted_type === 'DECIMAL' || element.logical_type?.type === 'DECIMAL';
}

/** The unscaled whole number with its point, all digits kept. */
function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0');
  const point = digits.length - scale;
  const sign = unscaled < 0n ? '-' : '';
  return scale === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

function wholeNumber(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${Buffer.from(bytes).toString('hex')}`));
}

/** The fewest digits that give the same number of 32 bits: 0.1, not 0.10000000149011612. */
function singleText(value: number): string {
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return String(short);
  }
  return String(Number(value.toPrecision(9)));
}

function numberText(value: number, element: SchemaElement): string {
  if (Number.isNaN(value)) return '';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return element.type === 'FLOAT' ? singleText(value) : String(value);
}

function textOf(value: unknown, element: SchemaElement): string {
  if (value === null || value === undefined) return '';
  if (isDecimal(element)) {
    const unscaled = value instanceof Uint8Array ? wholeNumber(value) : BigInt(value as number | bigint);
    return decimalText(unscaled, element.scale ?? 0);
  }
  if (typeof value === 'number') return numberText(value, element);
  if (value instanceof Uint8Array) return utf8.decode(value);
  return String(value);
}

function refuseColumn(element: SchemaElement): void {
  const name = JSON.stringify(element.name);
  const { type, num_children: children, repetition_type: repetition, converted_type: converted } = element;
  const logical = element.logical_type?.type;
  if (children !== undefined || repetition === 'REPEATED') {
    const message = `the column ${name} is nested (a list, a map or a struct); a table has one plain value in each field`;
    throw new Refused(message, 'Flatten it into columns, or write it as text');
  }
  const kind = [converted, logical].find((each) => each !== undefined && withoutText.test(each));
  const binary = type === 'FIXED_LEN_BYTE_ARRAY' && !isDecimal(element) && logical !== 'UUID' && logical !== 'FLOAT16';
  if (kind === undefined && !binary) return;
  const message = `the column ${name} has the type ${kind ?? 'of fixed bytes'}, which has no text of its own`;
  throw new Refused(message, 'Write the column as text or as numbers');
}

/** The footer, with every column checked. */
function readFooter(bytes: ArrayBuffer): { metadata: FileMetaData; elements: SchemaElement[] } {
  const metadata = parquetMetadata(bytes, { geoparquet: false });
  const [root, ...elements] = metadata.schema;
  if (root === undefined) throw new Refused('it has no columns', 'Write the file again');
  for (const element of elements) refuseColumn(element);
  const index = elements.find(({ name }) => /^__index_level_\d+__$/.test(name));
  if (index !== undefined) {
    const message = `the column ${JSON.stringify(index.name)} is an index of pandas, whose order can tell the target`;
    throw new Refused(message, 'Write the file with index=False, or name the index and keep it as a column');
  }
  const rows = Number(metadata.num_rows);
  if (!(rows * elements.length <= mostCells)) {
    const message = `it has ${rows} rows of ${elements.length} columns; ${mostCells} values are the most`;
    throw new Refused(message, 'Leave columns or rows out');
  }
  // Decimals come as they are stored: a double would lose digits.
  const schema = metadata.schema.map((element) => {
    if (!isDecimal(element)) return element;
    const { converted_type: _, logical_type: __, ...stored } = element;
    return stored;
  });
  return { metadata: { ...metadata, schema }, elements };
}

const bounded = Object.fromEntries(
  Object.entries(compressors).map(([codec, decompress]) => [
    codec,
    (input: Uint8Array, length: number): Uint8Array => {
      if (!(length >= 0 && length <= mostPageBytes)) throw new Error(`a page of ${length} bytes is too large`);
      // Into memory of the page's size: a frame of zstd may claim any other.
      return codec === 'ZSTD' ? decompressZstd(input, new Uint8Array(length)) : decompress(input, length);
    },
  ]),
);

async function readTexts(bytes: ArrayBuffer): Promise<void> {
  const { metadata, elements } = readFooter(bytes);
  await say({ kind: 'head', columns: elements.map(({ name }) => name), rows: Number(metadata.num_rows) });
  const file = {
    byteLength: bytes.byteLength,
    slice: (start: number, end?: number) => bytes.slice(start, end),
  };
  let firstRow = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = firstRow + Number(group.num_rows);
    for (const [column, element] of elements.entries()) {
      let texts: string[] = [];
      await parquetRead({
        ...{ file, metadata, parsers, compressors: bounded, utf8: false, geoparquet: false },
        ...{ columns: [element.name], rowStart: firstRow, rowEnd },
        onComplete: (rows: unknown[][]) => {
          texts = rows.map(([value]) => textOf(value, element));
        },
      });
      if (texts.length !== rowEnd - firstRow) throw new Error(`a row group ends early in ${element.name}`);
      await say({ kind: 'texts', column, firstRow, texts });
    }
    firstRow = rowEnd;
  }
  if (firstRow !== Number(metadata.num_rows)) throw new Error('the row groups are not as long as the table');
}

/** Resolves when the other end has taken it, so that no more than one column waits here. */
function say(message: FromParquet): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) throw new Error('main-parquet.ts is started by parquet.ts only');
    process.send(message, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
}

try {
  const bytes = await buffer(process.stdin);
  await readTexts(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer);
  await say({ kind: 'end' });
} catch (error) {
  const broken = { message: `not a readable Parquet file: ${messageChain(error)}`, remedy: 'Write the file again' };
  await say({
    kind: 'refused',
    ...(error instanceof Refused ? { message: error.message, remedy: error.remedy } : broken),
  });
}
