// Splits a stream of bytes into CSV records (RFC 4180, one line each) in bounded memory.
//
// Accepted: lines that end with LF or CRLF, the last one with or without; quoted fields with "" for a quote.
// Refused: a byte-order mark, UTF-16, NUL, bytes that are not UTF-8, archives, empty lines, a lone CR, a quote in an
// unquoted field, text after a closing quote, an unclosed quote, a line break within quotes, a line over the limit.
// Invariants:
// 1. At most one line is held, and never more than `maxRecordBytes` of it.
// 2. A plain line (ASCII without quotes, after the first) is split in place by one pass over its bytes; every other line
//    goes the careful way, and so does whatever that pass does not like. Both ways give the same records and refusals.

import { isUtf8 } from 'node:buffer';
import { isLfsPointer, lfsPointerMessage, lfsPointerRemedy } from '../core/lfs-pointer.ts';
import { type Refusal, refusal } from '../core/refusal.ts';

const lineFeed = 10;
const carriageReturn = 13;
const quote = 34;
const comma = 44;
const firstBeyondAscii = 128;

/** One record; valid only during the call that hands it over. */
export interface CsvRecord {
  bytes: Buffer;
  /** Field f is bytes [starts[f], ends[f]). */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  count: number;
  /** Line number, from 1. */
  line: number;
}

export interface RecordReader {
  push(chunk: Buffer): Refusal | undefined;
  /** Must be called once after the last chunk. */
  end(): Refusal | undefined;
}

export interface RecordReaderOptions {
  readonly maxRecordBytes: number;
  readonly maxFields: number;
  onRecord(record: CsvRecord): Refusal | undefined;
}

/** Text of one field. */
export function fieldText(record: CsvRecord, field: number): string {
  return record.bytes.toString('utf8', record.starts[field] ?? 0, record.ends[field] ?? 0);
}

/** A reader that hands over one record a line and stops at the first refusal. */
export function createRecordReader(options: RecordReaderOptions): RecordReader {
  const record: CsvRecord = {
    bytes: Buffer.alloc(0),
    starts: new Int32Array(options.maxFields),
    ends: new Int32Array(options.maxFields),
    count: 0,
    line: 0,
  };
  let held: Buffer[] = [];
  let heldBytes = 0;
  let failure: Refusal | undefined;

  const take = (line: Buffer): Refusal | undefined => {
    record.line += 1;
    return textFailure(line, record.line) ?? splitLine(line, record, options.maxFields) ?? options.onRecord(record);
  };
  const tooLong = (start: Buffer): Refusal =>
    textFailure(start.subarray(0, 512), record.line + 1, true) ??
    refusal(
      'malformedCsv',
      `line ${record.line + 1} is longer than ${options.maxRecordBytes} bytes, more than a row can need`,
      record.line + 1,
    );
  const consume = (chunk: Buffer): Refusal | undefined => {
    let from = 0;
    for (;;) {
      if (heldBytes === 0 && record.line > 0) {
        const plain = takePlain(chunk, from, record, options);
        if (typeof plain !== 'number') return plain;
        from = plain;
      }
      const end = chunk.indexOf(lineFeed, from);
      if (end < 0) break;
      if (heldBytes + end - from > options.maxRecordBytes) return tooLong(held[0] ?? chunk.subarray(from));
      const rest = chunk.subarray(from, end);
      const line = heldBytes === 0 ? rest : Buffer.concat([...held, rest]);
      held = [];
      heldBytes = 0;
      from = end + 1;
      const refused = take(line);
      if (refused !== undefined) return refused;
    }
    if (from === chunk.length) return;
    heldBytes += chunk.length - from;
    if (heldBytes > options.maxRecordBytes) return tooLong(held[0] ?? chunk.subarray(from));
    // A copy: the caller's chunk may be a slice of a large buffer that would stay alive.
    held.push(Buffer.from(chunk.subarray(from)));
    return;
  };
  return {
    push(chunk) {
      failure ??= consume(chunk);
      return failure;
    },
    end() {
      if (failure === undefined && heldBytes > 0) failure = take(Buffer.concat(held));
      return failure;
    },
  };
}

/** Hands over the plain lines from `from` on, and gives the start of the first line that is not plain or not whole. */
function takePlain(chunk: Buffer, from: number, record: CsvRecord, options: RecordReaderOptions): number | Refusal {
  const { maxRecordBytes, maxFields } = options;
  const { starts, ends } = record;
  record.bytes = chunk;
  let lineStart = from;
  let count = 0;
  starts[0] = from;
  for (let at = from; at < chunk.length; at += 1) {
    const byte = chunk[at] ?? 0;
    // Digits, letters, dots and minus signs: most bytes of a submission.
    if (byte > comma && byte < firstBeyondAscii) continue;
    if (byte === comma) {
      ends[count] = at;
      count += 1;
      if (count === maxFields) return lineStart;
      starts[count] = at + 1;
    } else if (byte === lineFeed) {
      const end = at > lineStart && chunk[at - 1] === carriageReturn ? at - 1 : at;
      if (end === lineStart || at - lineStart > maxRecordBytes) return lineStart;
      ends[count] = end;
      record.count = count + 1;
      record.line += 1;
      const refused = options.onRecord(record);
      if (refused !== undefined) return refused;
      lineStart = at + 1;
      count = 0;
      starts[0] = lineStart;
    } else if (byte === 0 || byte === quote || byte >= firstBeyondAscii) return lineStart;
    else if (byte === carriageReturn && chunk[at + 1] !== lineFeed) return lineStart;
  }
  return lineStart;
}

/** Refuses what is not text. `cut` says that the bytes may end within a character. */
function textFailure(line: Buffer, number: number, cut = false): Refusal | undefined {
  if (number === 1) {
    const magic = magicFailure(line);
    if (magic !== undefined) return magic;
  }
  if (line.includes(0))
    return refusal('notText', `line ${number} has a NUL byte; a submission is plain UTF-8 text`, number);
  if (!cut && !isUtf8(line)) return refusal('notText', `line ${number} is not UTF-8 text`, number);
  return;
}

const magics: readonly { readonly bytes: readonly number[]; readonly what: string }[] = [
  { bytes: [0x1f, 0x8b], what: 'is a gzip archive' },
  { bytes: [0x50, 0x4b, 0x03, 0x04], what: 'is a zip archive' },
  { bytes: [0x28, 0xb5, 0x2f, 0xfd], what: 'is a zstd archive' },
  { bytes: [0xfd, 0x37, 0x7a, 0x58], what: 'is an xz archive' },
  { bytes: [0x42, 0x5a, 0x68], what: 'is a bzip2 archive' },
  { bytes: [0x50, 0x41, 0x52, 0x31], what: 'is a Parquet file' },
  { bytes: [0xff, 0xfe], what: 'is UTF-16' },
  { bytes: [0xfe, 0xff], what: 'is UTF-16' },
  { bytes: [0xef, 0xbb, 0xbf], what: 'starts with a byte-order mark' },
];

function magicFailure(line: Buffer): Refusal | undefined {
  if (isLfsPointer(line)) return refusal('notText', `${lfsPointerMessage}. ${lfsPointerRemedy}`, 1);
  const isTar = line.length > 262 && line.toString('latin1', 257, 262) === 'ustar';
  const what = isTar
    ? 'is a tar archive'
    : magics.find((magic) => magic.bytes.every((byte, index) => line[index] === byte))?.what;
  return what === undefined
    ? undefined
    : refusal('notText', `the file ${what}; write plain UTF-8 text without a mark`, 1);
}

function splitLine(line: Buffer, record: CsvRecord, maxFields: number): Refusal | undefined {
  const length = line[line.length - 1] === carriageReturn ? line.length - 1 : line.length;
  if (length === 0) return refusal('malformedCsv', `line ${record.line} is empty`, record.line);
  record.count = 0;
  const quotedFields = line.includes(quote);
  record.bytes = quotedFields ? Buffer.allocUnsafe(length) : line;
  return quotedFields ? splitQuoted(line, length, record, maxFields) : splitPlain(line, length, record, maxFields);
}

function tooManyFields(record: CsvRecord, maxFields: number): Refusal {
  return refusal('malformedCsv', `line ${record.line} has more than ${maxFields} fields`, record.line);
}

function splitPlain(line: Buffer, length: number, record: CsvRecord, maxFields: number): Refusal | undefined {
  let start = 0;
  for (let at = 0; at <= length; at += 1) {
    const byte = at === length ? comma : line[at];
    if (byte === comma) {
      if (record.count === maxFields) return tooManyFields(record, maxFields);
      record.starts[record.count] = start;
      record.ends[record.count] = at;
      record.count += 1;
      start = at + 1;
    } else if (byte === carriageReturn) {
      return refusal('malformedCsv', `line ${record.line} has a carriage return that ends no line`, record.line);
    }
  }
  return;
}

/** As splitPlain, but unquotes into the record's own bytes. */
function splitQuoted(line: Buffer, length: number, record: CsvRecord, maxFields: number): Refusal | undefined {
  const wrong = (what: string): Refusal => refusal('malformedCsv', `line ${record.line} has ${what}`, record.line);
  let written = 0;
  let at = 0;
  for (;;) {
    if (record.count === maxFields) return tooManyFields(record, maxFields);
    record.starts[record.count] = written;
    if (line[at] === quote && at < length) {
      for (at += 1; ; at += 1) {
        if (at >= length) return wrong('a quote that is never closed (a field cannot span lines)');
        if (line[at] === quote) {
          if (at + 1 < length && line[at + 1] === quote) at += 1;
          else break;
        }
        record.bytes[written++] = line[at] ?? 0;
      }
      at += 1;
      if (at < length && line[at] !== comma) return wrong('text after a closing quote');
    } else {
      for (; at < length && line[at] !== comma; at += 1) {
        if (line[at] === quote) return wrong('a quote within an unquoted field');
        if (line[at] === carriageReturn) return wrong('a carriage return that ends no line');
        record.bytes[written++] = line[at] ?? 0;
      }
    }
    record.ends[record.count] = written;
    record.count += 1;
    if (at >= length) return;
    at += 1;
  }
}
